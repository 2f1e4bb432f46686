import HTTP

/// The rules for one call. A value: one for upstreams, one for webhooks, one for downloads, each made once from the
/// configuration and copied.
package struct CallPolicy: Sendable, Equatable {
    package var egress: EgressPolicy
    /// Resolving, connecting and the TLS handshake together.
    package var connectTimeout: Duration = .seconds(5)
    /// From the call to the last byte, redirects included.
    package var totalTimeout: Duration = .seconds(30)
    /// For transfers that may be long: ends one that crawls, however much time it has left.
    package var stall: Stall?
    /// 16 MiB by default: any JSON answer with a picture in it, and no more.
    package var body: BodyLimit = .fail(above: 16 << 20)
    /// All header lines of all heads together; twice what servers usually send at most.
    package var headerBytes = 64 << 10
    /// How many redirects a GET or HEAD follows. Each target is judged like a URL given to us, and headers of ours
    /// do not go to another origin.
    package var redirects = 0
    package var resending: Resending = .ifIdempotent
    /// Whether HTTP/2 is offered over TLS; then calls to one host share one connection.
    package var offersHTTP2 = true
    package var trust: Trust = .system
    package var userAgent = "trellis-gateway"

    package init(egress: EgressPolicy) { self.egress = egress }

    /// Fewer than `bytesPerSecond` over `seconds` ends the transfer.
    package struct Stall: Sendable, Hashable {
        package var bytesPerSecond: Int
        package var seconds: Int
        package init(bytesPerSecond: Int, seconds: Int) {
            self.bytesPerSecond = bytesPerSecond
            self.seconds = seconds
        }
    }

    package enum BodyLimit: Sendable, Hashable {
        /// A larger answer is a failure, `tooLarge`.
        case fail(above: Int64)
        /// Reading stops there and the answer stands, with what came: for answers nobody reads to the end.
        case cut(at: Int)
    }

    /// Whether a request may go out a second time when a kept connection turned out to be dead.
    ///
    /// libcurl does that by itself when not one byte of answer came, whatever the method. The other side may have
    /// read the first one, so what must not happen twice goes over a fresh connection.
    package enum Resending: Sendable, Hashable {
        case ifIdempotent, always, never
    }

    /// Whose certificates are believed. Verification itself cannot be turned off.
    package enum Trust: Sendable, Hashable {
        case system
        /// Only the authorities in this PEM file.
        case bundle(path: String)
    }
}

/// Where the body of a successful answer (2xx) goes. Other answers are kept in memory, cut at 16 KiB: they are short
/// explanations, and must not end up in a file that is meant for a model.
package enum BodySink: Sendable {
    /// Into `Answer.reply.body`.
    case memory
    /// Written to this open file from where it stands. The descriptor is duplicated: the caller keeps its own.
    case file(descriptor: Int32)
    /// Handed over as it comes, on the client's thread: do not block. Answering `false` ends the call as `canceled`.
    case stream(@Sendable (UnsafeRawBufferPointer) -> Bool)

    static let explanationBytes = 16 << 10
}
