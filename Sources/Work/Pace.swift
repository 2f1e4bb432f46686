import Domain

/// How long to wait for what, before `scale`. All waits towards upstreams come from here.
package struct Pace: Hashable, Sendable {
    /// Multiplies every wait, so that tests can run a thousand times a day's work.
    package var scale: Double
    /// The least time between two looks at one job.
    package var shortestLook: Duration
    package var longestLook: Duration
    /// Looks are this much rarer while the provider promised to call back.
    package var callbackFactor: Double

    package init(
        scale: Double = 1, shortestLook: Duration = .seconds(1), longestLook: Duration = .seconds(20),
        callbackFactor: Double = 4
    ) {
        self.scale = scale
        self.shortestLook = shortestLook
        self.longestLook = longestLook
        self.callbackFactor = callbackFactor
    }

    package func wait(_ duration: Duration) -> Duration { duration * scale }

    /// Looks that fall due within this begin together: one waking for dozens of jobs, where thousands run. No job
    /// notices a sixteenth of its shortest wait.
    package var lookGrain: Duration {
        min(max(wait(shortestLook) / 16, .milliseconds(16)), .milliseconds(64))
    }

    /// The first look at a job that usually takes `usual` (real time): a little before it would be done.
    package func firstLook(
        usual: Duration, calledBack: Bool, random: inout some RandomNumberGenerator
    ) -> Duration {
        let wait = min(max(usual * 0.7, shortestLook * scale), .seconds(60) * scale)
        return (calledBack ? max(wait, usual * callbackFactor / 2) : wait) * Self.jitter(&random)
    }

    /// The next look at a job that has been running for `elapsed` (as it passed: already scaled). A tenth of the
    /// time it has taken so far: early news is worth more than late news.
    package func nextLook(
        elapsed: Duration, asked: Duration?, calledBack: Bool, random: inout some RandomNumberGenerator
    ) -> Duration {
        let unscaled = scale > 0 ? elapsed / scale : elapsed
        var wait = min(max(unscaled / 10, shortestLook), longestLook)
        if calledBack { wait = wait * callbackFactor }
        let own = wait * scale * Self.jitter(&random)
        guard let asked else { return own }
        return max(own, min(asked, .seconds(300)) * scale)
    }

    /// After the `number`th failure in a row (1, 2, …): 1 s, 2 s, 4 s, … up to about a minute.
    package func backoff(after number: Int, random: inout some RandomNumberGenerator) -> Duration {
        Duration.seconds(1 << min(max(0, number - 1), 6)) * scale * Self.jitter(&random)
    }

    /// Up to a fifth more or less, so that what began together does not stay together.
    private static func jitter(_ random: inout some RandomNumberGenerator) -> Double {
        Double.random(in: 0.8...1.2, using: &random)
    }
}
