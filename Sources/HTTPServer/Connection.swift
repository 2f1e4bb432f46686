import HTTP

/// One client's socket and where its conversation stands. Touched by one event loop only, until that hands it to another.
///
/// An idle connection owns no buffers: bytes are read into the loop's scratch, and kept here only when a request or
/// an answer is in pieces.
final class Connection {
    enum Phase {
        /// Between requests, or in the middle of a head.
        case head
        /// Taking in a body.
        case body
        /// A body is announced, and waits for memory before it is read.
        case awaitingRoom
        /// A handler has promised an answer.
        case waiting
        /// An answer of unknown length is being written.
        case streaming
        /// The last answer is on its way.
        case closing
        /// The last answer has gone; what still comes is dropped, so that no reset overtakes it.
        case lingering
        case closed
    }

    let descriptor: Int32
    /// Its place in its loop's list; nowhere until it is seated.
    private(set) var slot = -1
    /// Sets this connection apart from earlier ones in the same slot.
    private(set) var serial: UInt32 = 0
    let peer: NetworkAddress
    /// The label of the listener it came in by; not the listener, which must be able to close before it.
    let listener: String
    /// Whether the limit by address does not apply.
    let isExempt: Bool
    /// What it says of whom it speaks for is believed.
    let isTrusted: Bool
    /// Turned away at the door: only an answer is written to it.
    let isRefused: Bool
    var tls: TLSSession?

    var phase = Phase.head
    var parser = RequestParser()
    /// The head so far, when it comes in pieces.
    var partial: HTTPRequest?
    /// Bytes received and not yet used: a piece of a head, or requests sent ahead.
    var input: [UInt8] = []
    /// Whether `input` may hold a whole request that was left for later.
    var hasBacklog = false
    /// How many bytes of an unwanted body are still to be dropped.
    var discardBytes = 0
    var upload: Upload?
    /// The request whose answer is promised or being streamed.
    var exchange: Exchange?
    var generation: UInt64 = 0
    var watchers: [@Sendable () -> Void] = []
    var stream: OutgoingStream?
    var outbound = Outbound()

    /// When the phase ends by force, in milliseconds of the loop's clock.
    var deadline: UInt64 = .max
    /// When the first byte of the current request came.
    var requestStarted: UInt64 = 0
    var served = 0
    /// What epoll watches for now.
    var interest: UInt32 = 0
    /// The client has closed its sending side.
    var peerFinished = false
    /// Something the client sends may be left unread, so closing at once could destroy the answer.
    var mustLinger = false
    var isReady = false

    init(
        descriptor: Int32, peer: NetworkAddress, listener: String, isExempt: Bool, isTrusted: Bool, isRefused: Bool
    ) {
        self.descriptor = descriptor
        self.peer = peer
        self.listener = listener
        self.isExempt = isExempt
        self.isTrusted = isTrusted
        self.isRefused = isRefused
    }

    func seat(slot: Int, serial: UInt32) {
        self.slot = slot
        self.serial = serial
        // Numbers of another loop's: no answer is due here.
        generation = 0
    }

    /// Between requests, with nothing under way.
    var isIdle: Bool { phase == .head && served > 0 && partial == nil && input.isEmpty && outbound.isEmpty }

    /// What epoll hands back with an event.
    var tag: UInt64 { UInt64(serial) << 32 | UInt64(slot) }
}

/// What must be remembered of a request until its answer is written.
struct Exchange {
    var isHead = false
    var version = HTTPVersion.http11
    var keepsAlive = false
    var id: RequestID
    /// In microseconds of the monotonic clock.
    var arrived: UInt64
    /// Body memory to give back when the answer is made.
    var reservedBytes = 0
    /// Whom it is from: the peer, or what a trusted proxy says.
    var client: NetworkAddress
    /// Method and target, kept only when there is an access log.
    var logged: (method: HTTPMethod, target: RequestTarget)?
}

/// A body on its way in.
final class Upload {
    var request: HTTPRequest
    var exchange: Exchange
    let framing: Framing
    var decoder = ChunkedDecoder()
    var bytes: [UInt8] = []
    var reservedBytes = 0
    var mustSayContinue: Bool
    /// The handler has said that it wants the body, before it was there.
    var isAdmitted: Bool
    /// When reading began, in milliseconds of the loop's clock.
    var started: UInt64 = 0

    init(request: HTTPRequest, exchange: Exchange, framing: Framing, isAdmitted: Bool) {
        self.request = request
        self.exchange = exchange
        self.framing = framing
        self.isAdmitted = isAdmitted
        mustSayContinue = framing.expectsContinue
    }
}

/// An answer of unknown length on its way out.
struct OutgoingStream {
    let writer: BodyWriter
    let isChunked: Bool
    /// Ends by the server's own word when it drains, for it has no end of its own.
    let isEventStream: Bool
    /// Bytes the writer has not been told of as sent.
    var queuedBytes = 0
}
