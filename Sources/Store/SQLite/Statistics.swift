import Domain

// Attempts by provider and day, for those who look at margins. Read on demand: nothing is kept for it.

extension SQLiteStore {
    package func statistics(since: Instant, until: Instant) async throws(StoreError) -> [ProviderDay] {
        try await readers.read { database in
            try database.snapshot {
                let durations = try database.durations(since: since, until: until)
                return try database.providerDays(since: since, until: until).map { day in
                    var day = day
                    day.p50 = durations[day.key]?.p50
                    day.p95 = durations[day.key]?.p95
                    return day
                }
            }
        }
    }
}

extension ProviderDay {
    fileprivate var key: DayKey { DayKey(day: day, provider: provider) }
}

private struct DayKey: Hashable {
    let day: Int64
    let provider: ProviderID
}

extension Database {
    /// An attempt's id carries the moment it began, so the walk over them can start near the first that counts:
    /// none ends more than a day after it began.
    private static let longestAttempt = Duration.seconds(86_400)

    /// Both kinds are named where one is wanted, for the index of what resolves a charge is only used when all its
    /// kinds are: without it every attempt walks the whole ledger.
    fileprivate func providerDays(since: Instant, until: Instant) throws -> [ProviderDay] {
        try all(
            """
            SELECT ended_at / 86400000 AS day, provider, count(DISTINCT task), count(*), sum(outcome = 'succeeded'),
                   sum(outcome = 'refused'), sum(outcome IN ('failed', 'unknown', 'abandoned')),
                   coalesce(sum(cost_microdollars), 0),
                   sum(cost_microdollars IS NULL AND outcome <> 'refused'),
                   coalesce(sum(CASE WHEN outcome = 'succeeded' THEN (
                       SELECT sum(iif(kind = 'settle', amount, 0)) FROM postings
                        WHERE postings.task = attempts.task AND postings.slot = attempts.slot
                          AND postings.kind IN ('settle', 'refund')) END), 0)
              FROM attempts
             WHERE id >= ?1 AND ended_at >= ?2 AND ended_at < ?3
             GROUP BY day, provider
             ORDER BY day DESC, provider
            """,
            { Self.bind($0, since, until) }
        ) { row in
            ProviderDay(
                day: row.integer(), provider: ProviderID(row.text()), tasks: row.int(), attempts: row.int(),
                succeeded: row.int(),
                refused: row.int(), failed: row.int(), costMicrodollars: row.integer(), unknownCosts: row.int(),
                credits: row.credits())
        }
    }

    /// The middle and the slow end of what succeeded took, from acceptance to the end.
    fileprivate func durations(
        since: Instant, until: Instant
    ) throws -> [DayKey: (p50: Duration, p95: Duration)] {
        let rows = try all(
            """
            SELECT day, provider,
                   max(CASE WHEN place = (n * 50 + 99) / 100 THEN took END),
                   max(CASE WHEN place = (n * 95 + 99) / 100 THEN took END)
              FROM (SELECT ended_at / 86400000 AS day, provider, ended_at - began_at AS took,
                           row_number() OVER (PARTITION BY ended_at / 86400000, provider
                                              ORDER BY ended_at - began_at) AS place,
                           count(*) OVER (PARTITION BY ended_at / 86400000, provider) AS n
                      FROM attempts
                     WHERE id >= ?1 AND ended_at >= ?2 AND ended_at < ?3 AND outcome = 'succeeded')
             GROUP BY day, provider
            """,
            { Self.bind($0, since, until) }
        ) { row in
            (
                DayKey(day: row.integer(), provider: ProviderID(row.text())),
                (p50: Duration.milliseconds(row.integer()), p95: Duration.milliseconds(row.integer()))
            )
        }
        return Dictionary(rows) { first, _ in first }
    }

    private static func bind(_ statement: borrowing Statement, _ since: Instant, _ until: Instant) {
        let earliest = max(0, (since - longestAttempt).milliseconds)
        statement.bind(AttemptID(high: UInt64(earliest) << 16, low: 0))
        statement.bind(since)
        statement.bind(until)
    }
}
