import Domain
import JSON

// What happens to a slot after it was submitted: the machine in Domain decides, and its changes, its money and its
// announcements go into one savepoint.

extension SQLiteStore {
    package func apply(
        _ event: SlotEvent, to slot: SlotReference, at now: Instant
    ) async throws(StoreError) -> Applied {
        try await writer.write { try $0.apply(event, to: slot, at: now) }
    }

    package func cancel(
        _ task: TaskID, account: AccountID?, failure: Failure, at now: Instant
    ) async throws(StoreError) -> CancelOutcome {
        try await writer.write { try $0.cancel(task, account: account, failure: failure, at: now) }
    }

    package func keepLate(
        _ evidence: Evidence, attempt: AttemptID, now: Instant
    ) async throws(StoreError) {
        try await writer.write { try $0.keepLate(evidence, attempt: attempt, at: now) }
    }

    package func keepHandle(
        _ handle: UpstreamHandle, attempt: AttemptID, now: Instant
    ) async throws(StoreError) {
        try await writer.write { try $0.keepHandle(handle, attempt: attempt) }
    }

    package func recordUpload(_ outcome: String, task: TaskID, now: Instant) async throws(StoreError) {
        try await writer.write { transaction in
            guard var task = try transaction.task(task) else { throw StoreError.notFound }
            task.uploadOutcome = outcome
            task.version += 1
            try transaction.database.run("UPDATE tasks SET upload_outcome = ?, version = ? WHERE id = ?") {
                $0.bind(outcome)
                $0.bind(task.version)
                $0.bind(task.id)
            }
            transaction.note(task, before: task.state)
        }
    }
}

extension Transaction {
    func apply(_ event: SlotEvent, to slot: SlotReference, at now: Instant) throws -> Applied {
        guard let before = try task(slot.task) else { throw StoreError.notFound }
        if case .began = event { try spending.allowBuying() }
        var after = before
        let effects: [Effect]
        do {
            effects = try after.apply(event, toSlot: slot.slot, attempt: slot.attempt, at: now)
        } catch {
            if let attempt = slot.attempt, let evidence = event.lateEvidence {
                try keepLate(evidence, attempt: attempt, at: now)
            }
            return .stale(before)
        }
        try update(after, from: before, slot: slot.slot)
        try carryOut(effects, of: after, at: now)
        return .changed(after)
    }

    fileprivate func cancel(
        _ id: TaskID, account: AccountID?, failure: Failure, at now: Instant
    ) throws -> CancelOutcome {
        guard let found = try task(id), account == nil || found.account == account else { return .notFound }
        var task = found
        var abandoned: [Attempt] = []
        for index in task.slots.indices where task.slots[index].state.canBecome(.canceled) {
            let before = task
            guard let effects = try? task.apply(.canceled(failure), toSlot: index, attempt: nil, at: now) else {
                continue
            }
            if let attempt = before.slots[index].attempt, attempt.endedAt == nil { abandoned.append(attempt) }
            try update(task, from: before, slot: index)
            try carryOut(effects, of: task, at: now)
        }
        return task == found ? .tooLate(found) : .canceled(task, abandoned: abandoned)
    }

    private func carryOut(_ effects: [Effect], of task: GenerationTask, at now: Instant) throws {
        for effect in effects {
            switch effect {
            case .settle(let charge): try settle(charge, of: task, at: now)
            case .refund(let charge): try refund(charge, of: task, at: now)
            case .announce(let kind): try announce(kind, of: .task(task), account: task.account, at: now)
            }
        }
    }

    /// Keeps what came too late as one more element of a JSON list, up to a limit: a provider that repeats itself
    /// must not fill the disk.
    fileprivate func keepLate(_ evidence: Evidence, attempt: AttemptID, at now: Instant) throws {
        let earlier = try database.one("SELECT late FROM attempts WHERE id = ?", { $0.bind(attempt) }) { row in
            try row.optional { try JSONValue.stored($0.bytes()).array ?? [] } ?? []
        }
        guard let earlier, earlier.count < 8 else { return }
        var json = JSONWriter()
        json.array {
            for one in earlier { $0.value(one) }
            $0.object {
                $0.member("at", now.description)
                $0.key("evidence")
                evidence.write(into: &$0)
            }
        }
        try database.run("UPDATE attempts SET late = ? WHERE id = ?") {
            $0.bind(text: json.bytes)
            $0.bind(attempt)
        }
    }

    /// The handle alone, if there is none: state and money stay as they are.
    fileprivate func keepHandle(_ handle: UpstreamHandle, attempt: AttemptID) throws {
        let owner = try database.one("SELECT task, slot FROM attempts WHERE id = ?", { $0.bind(attempt) }) { row in
            (task: try row.id(GenerationTask.self), slot: row.int())
        }
        guard let owner else { throw StoreError.notFound }
        try database.run("UPDATE attempts SET upstream_id = ?, addresses = ? WHERE id = ? AND upstream_id IS NULL") {
            $0.bind(handle.id)
            $0.bind(text: handle.addresses.encoded())
            $0.bind(attempt)
        }
        guard database.changes == 1, var task = try task(owner.task), task.slots[owner.slot].attempt?.id == attempt
        else { return }
        task.slots[owner.slot].attempt?.handle = handle
        note(task, before: task.state)
    }
}

extension SlotEvent {
    /// What there is to keep of news that came too late.
    fileprivate var lateEvidence: Evidence? {
        switch self {
        case .lost(let evidence, _), .setBack(let evidence, _): evidence
        case .failed(let failure, let evidence):
            evidence ?? Evidence(fault: failure.code, message: failure.message)
        case .accepted(let handle, _):
            Evidence(fault: "late", message: "accepted as \(handle.id) after the slot had moved on")
        case .ready(let handle):
            Evidence(fault: "late", message: "\(handle.id) was done after the slot had moved on")
        case .finished(let finish):
            Evidence(fault: "late", message: "finished after the slot had moved on: \(finish.model.place)")
        case .began, .deferred, .handling, .progressed, .canceled, .expired: nil
        }
    }
}
