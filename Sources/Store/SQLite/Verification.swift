import Domain

// Whether the ledger is what it says it is. Postings never change, so they can be gone through in stretches, each in
// a snapshot of its own: the log can shrink in between, however long the ledger is.

extension SQLiteStore {
    // A stretch is some ten milliseconds long: whoever reads behind it does not wait for longer.
    private static let postingsAtOnce = 2000
    private static let slotsAtOnce = 500

    /// On a violation nothing is posted any more until the gateway is started on a ledger that verifies.
    package func verifyLedger(against head: LedgerHead?) async throws(StoreError) -> LedgerReport {
        var fold = LedgerFold(expected: head)
        while !fold.isAtEnd {
            let before = fold
            fold = try await readers.read { database in
                var fold = before
                try database.snapshot { try fold.advance(in: database, by: Self.postingsAtOnce) }
                return fold
            }
        }
        var next: SlotPlace? = .first
        while fold.violation == nil, let after = next {
            (fold.violation, next) = try await readers.read { database in
                try database.snapshot { try database.compareSlots(after: after, limit: Self.slotsAtOnce) }
            }
        }
        let report = fold.report
        if let violation = report.violation {
            // A head that somebody brings may be mistyped: only what the ledger itself shows stops the spending.
            if head == nil {
                spending.stop("the ledger does not verify: \(violation.message)")
            } else {
                _ = try await verifyLedger(against: nil)
            }
        } else {
            try await remember(report.head)
        }
        return report
    }

    /// So that the next start need only look at what came after.
    private func remember(_ head: LedgerHead) async throws(StoreError) {
        do {
            try await writer.write { try $0.database.setMeta("verified", head.description) }
        } catch .paidWritesPaused, .closed, .overloaded, .diskFull {
            // Then the next start looks at more.
        }
    }
}

extension Database {
    /// A start looks at no more postings than this: a fraction of a second.
    static let postingsAtStart = 40_000

    /// At start: the chain from the last head that was found good, and, if its end is reached, the balances there. How
    /// far it came is remembered, so that only what is new is looked at the next time. The whole ledger is gone through
    /// by `verifyLedger`, while work goes on.
    func verifySinceLastTime(atMost limit: Int = postingsAtStart) throws -> LedgerReport.Violation? {
        var fold = LedgerFold(expected: nil)
        var known: Int64 = 0
        if let head = try meta("verified").flatMap(LedgerHead.init) {
            known = head.sequence
            fold = LedgerFold(after: head)
        }
        try snapshot {
            while !fold.isAtEnd, fold.report.postings - known < limit { try fold.advance(in: self, by: limit / 4) }
        }
        let head = fold.report.head
        if fold.violation == nil, head.sequence > known {
            try begin { try setMeta("verified", head.description) }
        }
        return fold.violation
    }

    /// LG-4, slot by slot: what is held, settled or refunded is what its state says. Answers where to go on.
    fileprivate func compareSlots(
        after: SlotPlace, limit: Int
    ) throws -> (violation: LedgerReport.Violation?, next: SlotPlace?) {
        let slots = try all(
            """
            SELECT task, slot, state, model_credits, thumbnail_credits
              FROM slots WHERE (task, slot) > (?, ?) ORDER BY task, slot LIMIT ?
            """,
            {
                $0.bind(after.task)
                $0.bind(after.slot)
                $0.bind(limit)
            }
        ) { row in
            PaidSlot(
                place: SlotPlace(task: try row.id(), slot: row.int()), state: try row.word(), model: row.credits(),
                thumbnail: row.optional { $0.credits() })
        }
        for slot in slots {
            if let violation = try compare(slot) { return (violation, nil) }
        }
        return (nil, slots.count < limit ? nil : slots.last?.place)
    }

    private func compare(_ slot: PaidSlot) throws -> LedgerReport.Violation? {
        for (item, charged) in [(Charge.Item.model, slot.model), (.thumbnail, slot.thumbnail ?? .zero)] {
            let bind: (Statement) -> Void = {
                $0.bind(slot.place.task)
                $0.bind(slot.place.slot)
                $0.bind(item.rawValue)
            }
            let held = try one(
                "SELECT sequence, amount FROM postings WHERE kind = 'hold' AND task = ? AND slot = ? AND item = ?", bind
            ) { (sequence: $0.integer(), amount: $0.credits()) }
            let resolved = try one(
                """
                SELECT kind, amount FROM postings
                 WHERE kind IN ('settle', 'refund') AND task = ? AND slot = ? AND item = ?
                """, bind
            ) { row in (kind: try row.word(Posting.Kind.self), amount: row.credits()) }
            let name = "slot \(slot.place.slot) of task \(slot.place.task), \(item.rawValue)"
            func violation(_ what: String) -> LedgerReport.Violation {
                .init(invariant: "LG-4", sequence: held?.sequence, message: "\(name): \(what)")
            }
            guard held?.amount ?? .zero == charged else {
                return violation("charged \(charged), held \(held?.amount ?? .zero)")
            }
            guard charged > .zero else { continue }
            switch (slot.state, resolved?.kind) {
            case (.finished, .settle), (.failed, .refund), (.canceled, .refund), (.expired, .refund): break
            // A thumbnail that could not be made comes back alone.
            case (.finished, .refund) where item == .thumbnail: break
            case (let state, nil) where !state.isFinal: break
            case (let state, let kind):
                return violation(
                    "it is \(state.rawValue) and its charge \(kind.map { $0.rawValue + "d" } ?? "is held")")
            }
        }
        return nil
    }
}

private struct SlotPlace: Sendable {
    let task: TaskID
    let slot: Int
    static let first = SlotPlace(task: TaskID(high: 0, low: 0), slot: -1)
}

private struct PaidSlot {
    let place: SlotPlace
    let state: TaskState
    let model: Credits
    let thumbnail: Credits?
}
