import API
import Domain
import HTTPClient
import HTTPServer
import Store
import Webhooks
import Work

/// Everything that is counted anywhere in the house, gathered when someone asks. Labels come from fixed sets (route
/// patterns, states, provider ids, words of ours), never from what a client sent, so the page cannot grow without end.
struct MetricsPage {
    var version: String
    var startedAt: Instant
    /// nil before the server stands.
    var server: ServerMetrics?
    var client: ClientMetrics
    var store: StoreHealth
    var work: Tally.Snapshot
    var standings: [ProviderID: Standing]
    var webhooks: WebhookTally
    var assetBytes: Int64
    var quotaBytes: Int64
    var log: (byLevel: [Log.Level: UInt64], dropped: UInt64)
    var reloads: (good: UInt64, bad: UInt64)
    /// What each kind of ledger account holds together.
    var totals: [(name: String, sum: Credits)]?
    var backlog: (pending: Int, oldest: Instant?)?
    var problems: [Problem]
    var isDraining: Bool
    var now: Instant

    var bytes: [UInt8] {
        var page = Exposition()
        writeHouse(&page)
        writeServer(&page)
        writeStore(&page)
        writeWork(&page)
        writeProviders(&page)
        writeWebhooks(&page)
        writeProcess(&page)
        return page.bytes
    }

    private func writeHouse(_ page: inout Exposition) {
        page.family("trellis_build_info", .gauge, "Which build this is; always 1.")
        page.sample(1, ["version": version, "sqlite": store.sqliteVersion])
        page.single("trellis_draining", .gauge, "1 while the gateway is stopping.", isDraining ? 1 : 0)
        page.family("trellis_problem", .gauge, "1 while a check of /readyz fails.")
        for check in Problem.checks {
            page.sample(problems.contains { $0.check == check } ? 1 : 0, ["check": check])
        }
        page.family("trellis_reloads_total", .counter, "Configuration reloads, by whether they were taken.")
        page.sample(reloads.good, ["outcome": "applied"])
        page.sample(reloads.bad, ["outcome": "refused"])
        page.family("trellis_log_lines_total", .counter, "Log lines, by level.")
        for level in Log.Level.allCases { page.sample(log.byLevel[level] ?? 0, ["level": level.rawValue]) }
        page.single(
            "trellis_log_lines_dropped_total", .counter, "Log lines that nobody took in time.", log.dropped)
    }

    private func writeServer(_ page: inout Exposition) {
        guard let server else { return }
        page.family("trellis_http_requests_total", .counter, "Requests answered, by route pattern and status.")
        for route in server.routes {
            for (code, count) in route.statuses {
                page.sample(count, ["route": route.route, "status": String(code)])
            }
        }
        page.family(
            "trellis_http_request_duration_seconds", .histogram, "From a request's first byte to its answer's last.")
        for route in server.routes where route.buckets.contains(where: { $0 > 0 }) {
            page.histogram(
                bounds: ServerMetrics.bucketSeconds, counts: route.buckets, sum: route.secondsSum,
                ["route": route.route])
        }
        page.single("trellis_http_connections", .gauge, "Open client connections.", server.connectionsOpen)
        page.single(
            "trellis_http_connections_total", .counter, "Client connections accepted.", server.connectionsAccepted)
        page.single(
            "trellis_http_connections_refused_total", .counter, "Client connections over a limit.",
            server.connectionsRefused)
        page.single(
            "trellis_http_requests_refused_total", .counter, "Requests malformed, too large or too slow.",
            server.requestsRefused)
        page.single("trellis_http_timeouts_total", .counter, "Clients that took too long.", server.timeouts)
        page.single("trellis_http_tls_failures_total", .counter, "TLS handshakes that failed.", server.tlsFailures)
        page.single(
            "trellis_http_received_bytes_total", .counter, "Bytes read from clients.", server.bytesReceived)
        page.single("trellis_http_sent_bytes_total", .counter, "Bytes written to clients.", server.bytesSent)
        page.single(
            "trellis_http_bodies_bytes", .gauge, "Request bodies in memory, in bytes.", server.bodyBytesInMemory)
    }

    private func writeStore(_ page: inout Exposition) {
        page.family("trellis_tasks", .gauge, "Tasks by state: unfinished ones, and those ended since the start.")
        for state in TaskState.allCases { page.sample(store.tasksByState[state] ?? 0, ["state": state.rawValue]) }
        page.single(
            "trellis_ledger_paused", .gauge, "1 while spending is refused because the ledger did not verify.",
            problems.contains { $0.check == "ledger" } ? 1 : 0)
        writeLedger(&page)
        page.single("trellis_store_wal_bytes", .gauge, "Size of the write-ahead log, in bytes.", store.walBytes)
        page.single("trellis_store_commits_total", .counter, "Transactions committed.", store.commits)
        page.single("trellis_store_writes_total", .counter, "Writes, several of which share a commit.", store.writes)
        page.single("trellis_store_reads_total", .counter, "Reads of the database.", store.reads)
        page.single("trellis_assets_bytes", .gauge, "Pictures and models kept, in bytes.", assetBytes)
        page.single("trellis_assets_quota_bytes", .gauge, "assets.quota_bytes.", quotaBytes)
    }

    private func writeLedger(_ page: inout Exposition) {
        guard let totals else { return }
        page.family(
            "trellis_ledger_credits", .gauge, "Credits by where they are; the issuer's are below zero, all sum to 0.")
        for total in totals { page.sample(total.sum.amount, ["place": total.name]) }
    }

    private func writeWork(_ page: inout Exposition) {
        page.family("trellis_upstream_submits_total", .counter, "Jobs sent to providers, by what became of that.")
        for (label, count) in work.submits.sorted(by: Self.order) { page.sample(count, label.pairs) }
        page.family("trellis_upstream_polls_total", .counter, "Looks at running jobs, by what they told.")
        for (label, count) in work.looks.sorted(by: Self.order) { page.sample(count, label.pairs) }
        page.family("trellis_upstream_faults_total", .counter, "Faults of providers, by kind.")
        for (label, count) in work.faults.sorted(by: Self.order) { page.sample(count, label.pairs) }
        page.family("trellis_upstream_callbacks_total", .counter, "Calls by providers, by what they were worth.")
        for (label, count) in work.callbacks.sorted(by: Self.order) { page.sample(count, label.pairs) }
        page.family("trellis_upstream_call_duration_seconds", .histogram, "One call to a provider.")
        for (provider, histogram) in work.calls.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            page.histogram(histogram, ["provider": provider.rawValue])
        }
        page.family("trellis_generation_duration_seconds", .histogram, "From submit to done at the provider.")
        for (provider, histogram) in work.generations.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            page.histogram(histogram, ["provider": provider.rawValue])
        }
        page.family("trellis_queue_wait_seconds", .histogram, "From a customer's submit to the first attempt.")
        page.histogram(work.waits, [:])
        page.family("trellis_finish_duration_seconds", .histogram, "From done at the provider to finished here.")
        page.histogram(work.finishes, [:])
        page.single(
            "trellis_upstream_downloaded_bytes_total", .counter, "Bytes of results fetched.", work.downloadedBytes)
        page.single(
            "trellis_upstream_late_results_total", .counter, "Results that came when nobody wanted them any more.",
            work.lateResults)
        page.single("trellis_client_calls", .gauge, "Calls to other servers under way.", client.inFlight)
        page.single("trellis_client_connections", .gauge, "Open connections to other servers.", client.openConnections)
    }

    private func writeProviders(_ page: inout Exposition) {
        let all = standings.sorted { $0.key.rawValue < $1.key.rawValue }
        page.family("trellis_provider_enabled", .gauge, "1 while a provider may take work.")
        for (id, standing) in all { page.sample(standing.isOn ? 1 : 0, ["provider": id.rawValue]) }
        page.family("trellis_provider_jobs", .gauge, "Jobs a provider has.")
        for (id, standing) in all { page.sample(standing.inFlight, ["provider": id.rawValue]) }
        page.family("trellis_provider_concurrency", .gauge, "Jobs a provider may have at once.")
        for (id, standing) in all { page.sample(standing.concurrency, ["provider": id.rawValue]) }
        page.family("trellis_provider_breaker", .gauge, "0 closed, 1 half open, 2 open: whether calls get an answer.")
        for (id, standing) in all {
            let value =
                switch standing.door.state(at: now) {
                case .closed: 0
                case .halfOpen: 1
                case .open: 2
                }
            page.sample(value, ["provider": id.rawValue])
        }
    }

    private func writeWebhooks(_ page: inout Exposition) {
        page.family("trellis_webhook_attempts_total", .counter, "Webhook attempts, by what became of them.")
        page.sample(webhooks.delivered, ["outcome": "delivered"])
        page.sample(webhooks.failed, ["outcome": "failed"])
        page.sample(webhooks.abandoned, ["outcome": "abandoned"])
        if let backlog {
            page.single(
                "trellis_webhook_backlog", .gauge, "Deliveries not made yet and not given up.", backlog.pending)
            let age = backlog.oldest.map { max(0, (now - $0).inSeconds) } ?? 0
            page.single("trellis_webhook_oldest_seconds", .gauge, "Age of the oldest of them, in seconds.", age)
        }
        page.family("trellis_webhook_delay_seconds", .histogram, "From an event to its delivery.")
        page.histogram(bounds: webhooks.delays.bounds, counts: webhooks.delays.counts, sum: webhooks.delays.sum)
        page.family("trellis_webhook_attempt_duration_seconds", .histogram, "One attempt, whatever came of it.")
        page.histogram(bounds: webhooks.attempts.bounds, counts: webhooks.attempts.counts, sum: webhooks.attempts.sum)
    }

    private func writeProcess(_ page: inout Exposition) {
        let process = ProcessFacts()
        page.single(
            "process_start_time_seconds", .gauge, "When the process started, in seconds since 1970.",
            Double(startedAt.milliseconds) / 1000)
        page.single("process_resident_memory_bytes", .gauge, "Memory in use.", process.residentBytes)
        page.single("process_cpu_seconds_total", .counter, "Time on a processor.", process.cpuSeconds)
        page.single("process_open_fds", .gauge, "Open file descriptors.", process.openDescriptors)
        page.single("process_max_fds", .gauge, "File descriptors allowed.", process.maxDescriptors)
    }

    private static func order(
        _ left: (key: Tally.Label, value: UInt64), _ right: (key: Tally.Label, value: UInt64)
    ) -> Bool {
        (left.key.provider.rawValue, left.key.word) < (right.key.provider.rawValue, right.key.word)
    }
}

extension Tally.Label {
    fileprivate var pairs: KeyValuePairs<String, String> { ["provider": provider.rawValue, "outcome": word] }
}

extension Exposition {
    fileprivate mutating func histogram(_ histogram: Tally.Histogram, _ labels: KeyValuePairs<String, String>) {
        self.histogram(bounds: Tally.Histogram.bounds, counts: histogram.counts, sum: histogram.sum, labels)
    }
}
