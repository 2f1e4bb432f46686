import Domain
import Store

extension WebhookSender {
    private static let longestSleep = Duration.seconds(2)

    /// Sends until drained. Sleeps while nothing is due; a problem of the store is told and tried again.
    package func run() async {
        while !isDraining {
            let now = clock()
            do {
                let outcome = try await runOnce(now: now)
                if outcome.started > 0 { continue }
                let next = try await store.nextDelivery(skipping: blockedLanes(now))
                let wake = [outcome.heldUntil, next].compactMap(\.self).min()
                // At least a moment, so that a lane that becomes due but cannot start is not asked in a circle; and not
                // for ever, for a hint may be missed and events of wallets and endpoints come without one.
                let wait = wake.map { max($0 - clock(), .milliseconds(5)) } ?? Self.longestSleep
                await alarm.sleep(atMost: min(wait, Self.longestSleep))
            } catch {
                onProblem(error)
                await alarm.sleep(atMost: .seconds(1))
            }
        }
    }

    /// Something may have become due.
    package nonisolated func wake() { alarm.ring() }
}
