import Domain
import JSON

// Tasks as they are read: rows straight into the domain's values.

extension Database {
    func task(_ id: TaskID) throws -> GenerationTask? {
        guard
            var task = try one(
                """
                SELECT id, account, key, request, created_at, deadline, start_by, adjustments, state, progress,
                       started_at, finished_at, expires_at, failure_code, failure_message, upload_outcome, version
                  FROM tasks WHERE id = ?
                """, { $0.bind(id) }, Self.taskWithoutSlots)
        else { return nil }
        task.slots = try slots(of: id)
        return task
    }

    private static func taskWithoutSlots(_ row: inout Row) throws -> GenerationTask {
        var task = GenerationTask(
            id: try row.id(), account: try row.id(), key: try row.id(),
            request: try GenerationRequest(encoded: row.bytes()), createdAt: row.instant(), deadline: row.instant(),
            startBy: row.optional { $0.instant() },
            adjustments: try [Adjustment](encoded: row.optional { $0.bytes() }), slots: [])
        task.state = try row.word()
        task.progress = row.int()
        task.startedAt = row.optional { $0.instant() }
        task.finishedAt = row.optional { $0.instant() }
        task.expiresAt = row.optional { $0.instant() }
        task.failure = row.failure()
        task.uploadOutcome = row.optional { $0.text() }
        task.version = row.integer()
        return task
    }

    private func slots(of id: TaskID) throws -> [Slot] {
        var slots = try all(
            """
            SELECT slots.slot, seed, model_credits, thumbnail_credits, state, due_at, progress, tries,
                   spent_providers, second_chances, handlings, upstream_status, checked_at, failure_code, failure_message,
                   attempts.id, try, provider, token, boot, began_at, accepted_at, ended_at, upstream_id, addresses,
                   outcome, evidence, cost_microdollars
              FROM slots LEFT JOIN attempts ON attempts.id = slots.attempt
             WHERE slots.task = ?
             ORDER BY slots.slot
            """, { $0.bind(id) }, Self.slot)
        if slots.contains(where: { $0.state == .finished }) {
            try each(
                """
                SELECT slot, kind, sha256, url, bytes, content_type FROM assets WHERE task = ?
                """, { $0.bind(id) }
            ) { row in
                let index = row.int()
                let asset = try Self.asset(&row)
                guard slots.indices.contains(index) else { throw StoreError.broken("an asset of no slot") }
                switch asset.kind {
                case .model: slots[index].model = asset
                case .thumbnail: slots[index].thumbnail = asset
                }
            }
        }
        return slots
    }

    private static func slot(_ row: inout Row) throws -> Slot {
        let index = row.int()
        let seed = row.integer()
        var charges = [Charge(slot: index, item: .model, amount: row.credits())]
        if let amount = row.optional({ $0.credits() }) {
            charges.append(Charge(slot: index, item: .thumbnail, amount: amount))
        }
        let state: TaskState = try row.word()
        let dueAt = row.optional { $0.instant() }
        var slot = Slot(index: index, seed: seed, charges: charges, dueAt: dueAt ?? Instant(milliseconds: 0))
        slot.state = state
        slot.dueAt = dueAt
        slot.progress = row.int()
        slot.tries = row.int()
        slot.spent = try row.optional { try [ProviderID](encoded: $0.bytes()) } ?? []
        slot.secondChances = row.int()
        slot.handlings = row.int()
        slot.upstreamStatus = row.optional { $0.text() }
        slot.checkedAt = row.optional { $0.instant() }
        slot.failure = row.failure()
        slot.attempt = try row.optional { try attempt(&$0) }
        return slot
    }

    static func attempt(_ row: inout Row) throws -> Attempt {
        var attempt = Attempt(
            id: try row.id(), number: row.int(), provider: ProviderID(row.text()), token: row.text(),
            boot: row.integer(), beganAt: row.instant())
        attempt.acceptedAt = row.optional { $0.instant() }
        attempt.endedAt = row.optional { $0.instant() }
        let upstream = row.optional { $0.text() }
        let addresses = try row.optional { [String: String](stored: try JSONValue.stored($0.bytes())) } ?? [:]
        attempt.handle = upstream.map { UpstreamHandle(id: $0, addresses: addresses) }
        attempt.outcome = try row.optional { try $0.word() }
        attempt.evidence = try row.optional { try Evidence(encoded: $0.bytes()) }
        attempt.costMicrodollars = row.optional { $0.integer() }
        return attempt
    }

    private static func asset(_ row: inout Row) throws -> Asset {
        let kind: Asset.Kind = try row.word()
        let sha256 = row.optional { $0.text() }
        let url = row.optional { $0.text() }
        return Asset(
            kind: kind, place: sha256.map { .kept(sha256: $0) } ?? .upstream(url: url ?? ""),
            byteCount: row.integer(), contentType: row.text())
    }

    func attempts(of task: TaskID) throws -> [(slot: Int, attempt: Attempt)] {
        try all(
            """
            SELECT slot, id, try, provider, token, boot, began_at, accepted_at, ended_at, upstream_id, addresses,
                   outcome, evidence, cost_microdollars
              FROM attempts WHERE task = ? ORDER BY began_at, number
            """, { $0.bind(task) }
        ) { row in (row.int(), try Self.attempt(&row)) }
    }
}

extension Row {
    /// Two columns: a word and a sentence.
    fileprivate mutating func failure() -> Failure? {
        let code = optional { $0.text() }
        let message = optional { $0.text() }
        return code.map { Failure(code: $0, message: message ?? "") }
    }
}
