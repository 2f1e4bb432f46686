import Domain

// Tasks as they are written. Rows change only here, and only by what the machine in Domain decided.

extension Transaction {
    /// A task as this transaction sees it: changed here, or as last committed.
    func task(_ id: TaskID) throws -> GenerationTask? {
        switch changed(id) {
        case .some(.some(let task)): return task
        case .some(.none): return try database.task(id)
        case .none: return try recent(id) ?? database.task(id)
        }
    }

    func insert(_ task: GenerationTask, request: [UInt8]) throws {
        try database.run(
            """
            INSERT INTO tasks (id, account, key, state, progress, request, adjustments, created_at, deadline, start_by,
                               version)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """
        ) {
            $0.bind(task.id)
            $0.bind(task.account)
            $0.bind(task.key)
            $0.bind(task.state.rawValue)
            $0.bind(task.progress)
            $0.bind(text: request)
            $0.bind(text: task.adjustments.encoded())
            $0.bind(task.createdAt)
            $0.bind(task.deadline)
            $0.bind(task.startBy)
            $0.bind(task.version)
        }
        for slot in task.slots { try insert(slot, of: task) }
        if case .kept(let picture) = task.request.picture {
            try database.run("INSERT INTO inputs (task, sha256, bytes) VALUES (?, ?, ?)") {
                $0.bind(task.id)
                $0.bind(picture.sha256)
                $0.bind(picture.byteCount)
            }
        }
        note(task, before: nil)
    }

    private func insert(_ slot: Slot, of task: GenerationTask) throws {
        guard let model = slot.charges.first(where: { $0.item == .model }) else {
            throw StoreError.broken("slot \(slot.index) has no price")
        }
        try database.run(
            """
            INSERT INTO slots (task, slot, account, priority, state, due_at, seed, model_credits, thumbnail_credits)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """
        ) {
            $0.bind(task.id)
            $0.bind(slot.index)
            $0.bind(task.account)
            $0.bind(task.request.priority.rank)
            $0.bind(slot.state.rawValue)
            $0.bind(slot.dueAt)
            $0.bind(slot.seed)
            $0.bind(model.amount)
            $0.bind(slot.charges.first { $0.item == .thumbnail }?.amount)
        }
    }

    /// Writes what an event changed: of the task, of one slot, and of its attempt.
    func update(_ task: GenerationTask, from before: GenerationTask, slot index: Int) throws {
        let (slot, old) = (task.slots[index], before.slots[index])
        if let attempt = slot.attempt, attempt != old.attempt {
            if attempt.id == old.attempt?.id {
                try update(attempt)
            } else {
                try insert(attempt, slot: index, of: task.id)
            }
        }
        try update(slot, of: task.id)
        if slot.state == .finished, old.state != .finished {
            for asset in [slot.model, slot.thumbnail] {
                if let asset { try insert(asset, slot: index, of: task.id) }
            }
        }
        try update(task)
        note(task, before: before.state)
    }

    private func update(_ task: GenerationTask) throws {
        try database.run(
            """
            UPDATE tasks
               SET state = ?, progress = ?, adjustments = ?, started_at = ?, finished_at = ?, expires_at = ?,
                   failure_code = ?, failure_message = ?, version = ?
             WHERE id = ?
            """
        ) {
            $0.bind(task.state.rawValue)
            $0.bind(task.progress)
            $0.bind(text: task.adjustments.encoded())
            $0.bind(task.startedAt)
            $0.bind(task.finishedAt)
            $0.bind(task.expiresAt)
            $0.bind(task.failure?.code)
            $0.bind(task.failure?.message)
            $0.bind(task.version)
            $0.bind(task.id)
        }
    }

    private func update(_ slot: Slot, of task: TaskID) throws {
        try database.run(
            """
            UPDATE slots
               SET state = ?, due_at = ?, progress = ?, tries = ?, spent_providers = ?, second_chances = ?,
                   handlings = ?, attempt = ?, upstream_status = ?, checked_at = ?, failure_code = ?, failure_message = ?
             WHERE task = ? AND slot = ?
            """
        ) {
            $0.bind(slot.state.rawValue)
            $0.bind(slot.dueAt)
            $0.bind(slot.progress)
            $0.bind(slot.tries)
            $0.bind(text: slot.spent.encoded())
            $0.bind(slot.secondChances)
            $0.bind(slot.handlings)
            $0.bind(slot.attempt?.id)
            $0.bind(slot.upstreamStatus)
            $0.bind(slot.checkedAt)
            $0.bind(slot.failure?.code)
            $0.bind(slot.failure?.message)
            $0.bind(task)
            $0.bind(slot.index)
        }
    }

    private func insert(_ attempt: Attempt, slot: Int, of task: TaskID) throws {
        try database.run(
            """
            INSERT INTO attempts (id, task, slot, try, provider, token, boot, began_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """
        ) {
            $0.bind(attempt.id)
            $0.bind(task)
            $0.bind(slot)
            $0.bind(attempt.number)
            $0.bind(attempt.provider.rawValue)
            $0.bind(attempt.token)
            $0.bind(attempt.boot)
            $0.bind(attempt.beganAt)
        }
    }

    private func update(_ attempt: Attempt) throws {
        try database.run(
            """
            UPDATE attempts
               SET accepted_at = ?, ended_at = ?, upstream_id = ?, addresses = ?, outcome = ?, evidence = ?,
                   cost_microdollars = ?
             WHERE id = ?
            """
        ) {
            $0.bind(attempt.acceptedAt)
            $0.bind(attempt.endedAt)
            $0.bind(attempt.handle?.id)
            $0.bind(text: attempt.handle?.addresses.encoded())
            $0.bind(attempt.outcome?.rawValue)
            $0.bind(text: attempt.evidence?.encoded())
            $0.bind(attempt.costMicrodollars)
            $0.bind(attempt.id)
        }
    }

    private func insert(_ asset: Asset, slot: Int, of task: TaskID) throws {
        try database.run(
            """
            INSERT INTO assets (task, slot, kind, sha256, url, bytes, content_type) VALUES (?, ?, ?, ?, ?, ?, ?)
            """
        ) {
            $0.bind(task)
            $0.bind(slot)
            $0.bind(asset.kind.rawValue)
            switch asset.place {
            case .kept(let sha256):
                $0.bind(sha256)
                $0.bindNull()
            case .upstream(let url):
                $0.bindNull()
                $0.bind(url)
            }
            $0.bind(asset.byteCount)
            $0.bind(asset.contentType)
        }
    }
}

extension GenerationRequest.Priority {
    /// Its place in the order of dispatch.
    var rank: Int {
        switch self {
        case .normal: 0
        case .low: 1
        }
    }
}
