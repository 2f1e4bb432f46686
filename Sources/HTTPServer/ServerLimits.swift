/// Every limit of the server, each with its unit in its name and its reason beside it.
package struct ServerLimits: Sendable, Equatable {
    // MARK: Sizes

    /// The request line; 414 beyond it. Signed asset URLs and cursors stay far below.
    package var requestLineBytes = 8 * 1024
    /// All fields of a head together; 431 beyond it. Bearer tokens and cookies of a company's proxy fit.
    package var headerBytes = 32 * 1024
    /// Fields in a head; 431 beyond it. Real clients send ten to thirty.
    package var headerCount = 100
    /// One body; 413 beyond it. A base64 image of 24 MB fits.
    package var bodyBytes = 32 * 1024 * 1024
    /// All bodies in memory at the same time. An upload that does not fit is not read until another is done.
    package var bodiesInMemoryBytes = 256 * 1024 * 1024
    /// Chunk extensions of one body together; 400 beyond it. Nobody uses them but attackers.
    package var chunkExtensionBytes = 1024
    /// The trailer section of a chunked body; 431 beyond it.
    package var trailerBytes = 8 * 1024
    /// What a client may send ahead while it waits for an answer; beyond it the server stops reading.
    package var pipelinedBytes = 64 * 1024
    /// What may wait in memory for a client that reads slowly, above what one answer needs; an event stream that
    /// grows beyond it is cut, for its client will not catch up.
    package var streamBacklogBytes = 1024 * 1024
    /// A body that is not wanted is read and dropped up to this size so that the connection can go on; beyond it
    /// the connection ends instead.
    package var discardBytes = 64 * 1024

    // MARK: Times

    /// From accepting a connection to its first byte; also for a TLS handshake. Closed without a word.
    package var firstByteSeconds = 15.0
    /// From a request's first byte to the end of its head; 408.
    package var headerSeconds = 10.0
    /// A body has this long, plus its size over `bodyBytesPerSecond`; 408. Slow links are slower than slow attackers.
    package var bodyGraceSeconds = 10.0
    package var bodyBytesPerSecond = 4 * 1024
    /// How long an upload waits for room in `bodiesInMemoryBytes`; 503 then.
    package var bodyRoomSeconds = 10.0
    /// Between two requests. Longer than the 60 s that common proxies keep their connections, so they close first.
    package var idleSeconds = 75.0
    /// Without the client taking a single byte of an answer.
    package var writeStallSeconds = 30.0
    /// For a handler to answer; 503. Above the longest long poll.
    package var answerSeconds = 180.0
    /// For an answer to a client that has already closed its sending side: it may be waiting, or gone.
    package var halfClosedSeconds = 10.0
    /// Between the last answer and closing for good, reading and dropping what still comes, so that the client sees
    /// the answer instead of a reset (RFC 9112 §9.6).
    package var lingerSeconds = 5.0

    // MARK: Counts

    /// Connections in all; 503 beyond it. Lowered at start to fit the process's file descriptors.
    package var connections = 16_384
    /// Connections from one IPv4 address or IPv6 /64; 429 beyond it. Trusted proxies and Unix sockets are exempt.
    package var connectionsPerAddress = 1024
    /// Requests on one connection before it is closed, so that clients spread again over loops and instances.
    package var requestsPerConnection = 100_000
    /// Pipelined requests answered in one turn of the loop before neighbours get theirs.
    package var pipelineDepth = 32
    /// Answers to refused connections that may linger at the same time; beyond it they are just closed.
    package var refusedConnections = 256
    /// Descriptors left to the rest of the process (files being sent, database, calls to others) when `connections`
    /// is fitted to the process's own limit; half of all at most. A quarter may be taken by `refusedConnections`.
    package var reservedDescriptors = 256

    package init() {}
}
