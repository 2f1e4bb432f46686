import Domain

extension API {
    /// What the operator decides about the front. One immutable value, replaced whole on a reload.
    package struct Settings: Sendable {
        package var prices = PriceTable.standard
        /// What a credit stands for in the statistics' margins, in millionths of a US dollar.
        package var creditMicrodollars: Int64 = 10_000
        package var limits = Limits()
        /// A task that has not ended by then fails and is refunded.
        package var taskDeadline = Duration.seconds(1800)
        /// The longest a request may ask for its results to be kept.
        package var longestTTL = Duration.seconds(7 * 86_400)
        package var idempotency = Idempotency()
        /// Whether a request that says nothing may go on to another provider.
        package var fallback = true
        /// Origins that browsers may call from; `*` is every one. Empty: no CORS headers at all.
        package var origins: [String] = []
        /// The label of the only listener that serves `/admin/`; nil: all of them.
        package var adminListener: String?
        /// The label of the only listener that serves `/metrics`; nil: all of them.
        package var metricsListener: String?
        /// Whether `/metrics` wants a key of scope `admin`.
        package var metricsNeedKey = false
        /// `b64_json` answers hold a whole model: larger ones are given as addresses only.
        package var inlineBytes: Int64 = 32 << 20
        package var version = "dev"

        package init() {}
    }

    package struct Idempotency: Sendable {
        /// Kept a week: longer than any client retries, short enough to stay small.
        package var retention = Duration.seconds(7 * 86_400)
        package var required = false

        package init() {}
    }

    package struct Limits: Sendable {
        /// A 1536² picture as PNG is some 8 MB; in base64 a third more. 32 MiB leaves room.
        package var bodyBytes = 32 << 20
        /// Bodies without a picture are small; this bounds what anyone can make us parse.
        package var smallBodyBytes = 256 << 10
        /// Submits, quotes, cancels: per account, unless the account has its own figure.
        package var requestsPerMinute = 600
        /// Lists, ledgers, receipts: per key. Status reads are not counted, for clients poll as they please.
        package var readsPerMinute = 6000
        /// Wrong keys per address: a person's typing mistakes, not a machine's guesses.
        package var wrongKeysPerMinute = 60
        package var concurrentTasks = 100
        /// `wallet.low` is told when a balance falls below it; nil: never, but for accounts with their own mark.
        package var lowBalance: Credits?
        /// Long polls and event streams, in all and per account: 1 KB each.
        package var waiting = 20_000
        package var waitingPerAccount = 5000
        /// Pictures decoded and stored at once; each holds a body and its bytes.
        package var picturesAtOnce = 4

        package init() {}
    }
}
