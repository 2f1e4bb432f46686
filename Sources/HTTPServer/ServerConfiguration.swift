import HTTP

/// Everything a server is told at its start.
package struct ServerConfiguration: Sendable {
    package struct Listener: Sendable {
        /// What handlers, metrics and logs call it, such as `public` or `admin`.
        package var label: String
        package var address: ListenAddress
        package var usesTLS: Bool

        package init(_ address: ListenAddress, label: String = "public", usesTLS: Bool = false) {
            self.label = label
            self.address = address
            self.usesTLS = usesTLS
        }
    }

    package struct TLS: Sendable, Equatable {
        /// PEM files: the certificate with its chain, and its key.
        package var certificatePath: String
        package var keyPath: String

        package init(certificatePath: String, keyPath: String) {
            self.certificatePath = certificatePath
            self.keyPath = keyPath
        }
    }

    package var listeners: [Listener]
    package var limits = ServerLimits()
    package var tls: TLS?
    /// One event loop a core is best; 0 means that.
    package var loops = 0
    /// How many cores other work of this process needs to itself for the moment; asked now and then by every loop.
    package var coresElsewhere: @Sendable () -> Int = { 0 }
    /// Peers whose `Forwarded` and `X-Forwarded-For` are believed.
    package var trustedProxies: [AddressRange] = []
    /// Whether peers on Unix sockets are believed too; whoever may open the socket is of this machine.
    package var trustsUnixPeers = false
    package var accessLog: AccessLog?
    /// Makes the body of an answer that the server gives by itself, so that a program has one shape of errors. It
    /// must keep the status.
    package var errorBody: @Sendable (Refusal, RequestID) -> HTTPResponse = { refusal, _ in
        .text(refusal.message + "\n", status: refusal.status)
    }

    package init(listeners: [Listener]) { self.listeners = listeners }

    /// A server on one address.
    package init(_ address: ListenAddress) { self.init(listeners: [Listener(address)]) }
}

/// Where requests are told of, and how many of them.
package struct AccessLog: Sendable {
    package struct Entry: Sendable {
        package let id: RequestID
        package let method: HTTPMethod
        package let path: String
        package let route: Route
        package let status: HTTPStatus
        package let bodyBytes: Int64
        package let microseconds: UInt64
        package let client: NetworkAddress
        package let listener: String
    }

    /// Every how many requests one is told of; server errors always are. 0 is server errors only.
    package var sampleEvery: Int
    /// Called on the loop, so it must not block.
    package var write: @Sendable (Entry) -> Void

    package init(sampleEvery: Int = 1, write: @escaping @Sendable (Entry) -> Void) {
        self.sampleEvery = sampleEvery
        self.write = write
    }
}
