import Domain
import Store

/// Runs one duty: asleep until something is due or somebody rings, then everything that is due at once. All
/// the logic is in the duty; here is only when.
package final class Loop: Sendable {
    private let duty: any Duty
    private let shop: Workshop
    package let errands: Errands
    package let alarm: Alarm
    /// However well the hints work, it looks by itself this often: a missed one must never matter.
    private static let safetyNet = Duration.seconds(15)
    /// A restored database is released by one row that no task has: whoever released it should not have to wait.
    private static let betweenLooksAtRelease = Duration.seconds(1)

    package init(_ duty: any Duty, _ shop: Workshop, width: Int) {
        self.duty = duty
        self.shop = shop
        errands = Errands(width: width)
        alarm = Alarm(clock: shop.clock)
    }

    package func run() async {
        while !Task.isCancelled {
            // One moment for both: what opens between them would be seen by neither.
            let now = shop.clock.now()
            let picked = await turn(now)
            if picked == nil { return }
            // Errands that began may leave more behind them than one pick takes.
            if let picked, picked > 0, duty.looksAgain { alarm.ring() }
            if let moment = duty.nextLook(after: now) { alarm.set(moment) }
            await alarm.sleep(
                until: now + (shop.store.reconciling == nil ? Self.safetyNet : Self.betweenLooksAtRelease))
        }
    }

    /// One look. Nil when the store is closed, for then there is nothing left to do.
    private func turn(_ now: Instant) async -> Int? {
        let room = errands.room
        guard room > 0 else { return 0 }
        do throws(StoreError) {
            let busy = Busy(count: errands.count) { [errands] in errands.isBusy($0) }
            let picked = try await duty.pick(limit: room, busy: busy, now: now)
            for errand in picked { begin(errand) }
            if picked.count >= room { alarm.ring() }
            return picked.count
        } catch {
            if error == .closed { return nil }
            shop.journal.note(.error, "could not look for work", ["loop": duty.name, "error": "\(error)"])
            alarm.set(shop.clock.now() + .seconds(1))
            return 0
        }
    }

    /// Begins an errand now, out of turn.
    package func begin(_ errand: Errand) {
        errands.start(errand) { [self, shop, alarm, duty] outcome, again in
            if again, duty.repeats, outcome == .progressed {
                begin(errand)
            } else if outcome == .postponed {
                alarm.set(shop.clock.now() + .seconds(1))
            } else if again || duty.looksAgain {
                alarm.ring()
            } else if let moment = duty.nextLook(after: shop.clock.now()) {
                alarm.set(moment)
            }
        }
    }
}
