import CCurl
import HTTP
import Synchronization

/// Calls other servers: libcurl on one thread, however many calls are in flight.
///
/// Safe to use from anywhere. Close it before the program ends; letting go of it closes it too.
package final class HTTPClient: Sendable {
    private let mailbox: Mailbox
    private let published = PublishedMetrics()
    private let nextID = Atomic<UInt64>(1)

    /// `name` names the thread, for whoever looks at the process from outside. `lookup` finds the addresses of a name,
    /// on threads of its own.
    package init(
        name: String = "http-client", limits: ClientLimits = ClientLimits(),
        lookup: @escaping NameLookup = systemLookup
    ) throws(HTTPClientError) {
        guard Self.libcurlIsReady, let mailbox = Mailbox() else { throw HTTPClientError() }
        self.mailbox = mailbox
        let published = published
        let lookups = LookupThreads(lookup: lookup, mailbox: mailbox)
        let isStarted = startThread(name: name, stackBytes: 1 << 20) {
            guard let sockets = SocketWatch(wake: mailbox.wakeDescriptor), let multi = curl_multi_init() else {
                return Self.refuseAll(mailbox)
            }
            let loop = CurlLoop(
                mailbox: mailbox, lookups: lookups, limits: limits, published: published, multi: multi, sockets: sockets
            )
            loop.run()
        }
        guard isStarted else { throw HTTPClientError() }
    }

    deinit { mailbox.post(.close) }

    /// Once for the process, before the first handle (curl_global_init(3)).
    private static let libcurlIsReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    /// Sends one request and waits for the end of the answer. Canceling the task ends the call.
    package func send(
        _ request: OutgoingRequest, policy: CallPolicy, into sink: BodySink = .memory
    ) async -> CallOutcome {
        let call = makeCall()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                post(call, request, policy, sink) { continuation.resume(returning: $0) }
            }
        } onCancel: {
            call.cancel()
        }
    }

    /// Sends one request without a task that waits: for thousands in flight. `finish` is called once, on the client's
    /// thread, so it must not block.
    @discardableResult
    package func start(
        _ request: OutgoingRequest, policy: CallPolicy, into sink: BodySink = .memory,
        finish: @escaping @Sendable (CallOutcome) -> Void
    ) -> Call {
        let call = makeCall()
        post(call, request, policy, sink, finish)
        return call
    }

    package var metrics: ClientMetrics { published.now }

    /// Waits until no call is in flight. It does not keep new ones from being made.
    package func drain() async {
        await withCheckedContinuation { continuation in
            if !mailbox.post(.whenIdle { continuation.resume() }) { continuation.resume() }
        }
    }

    /// Ends every call that is in flight with `canceled`, refuses new ones with `closed`, and returns when the last
    /// one has been told.
    package func close() async {
        await withCheckedContinuation { continuation in
            // Called when the thread has ended its calls, for closing comes first in the mailbox.
            mailbox.post(.close)
            if !mailbox.post(.whenIdle { continuation.resume() }) { continuation.resume() }
        }
    }

    private func makeCall() -> Call {
        Call(id: nextID.wrappingAdd(1, ordering: .relaxed).oldValue, mailbox: mailbox)
    }

    private func post(
        _ call: Call, _ request: OutgoingRequest, _ policy: CallPolicy, _ sink: BodySink,
        _ finish: @escaping @Sendable (CallOutcome) -> Void
    ) {
        let job = Job(
            call: call, request: request, policy: policy, sink: sink, startedAt: .now, finish: finish)
        if !mailbox.post(.start(job)) { finish(.failure(.closed)) }
    }

    /// The thread could not be set up: whoever calls is told so.
    private static func refuseAll(_ mailbox: Mailbox) {
        for message in mailbox.takeLast() {
            switch message {
            case .start(let job): job.finish(.failure(.closed))
            case .whenIdle(let action): action()
            case .cancel, .resolved, .close: break
            }
        }
    }
}

extension CallFailure {
    static let closed = CallFailure(
        kind: .closed, phase: .waiting, diagnosis: "the client is closed", timings: CallTimings())
}

/// The client could not be set up: the system has no descriptors, memory or threads left.
package struct HTTPClientError: Error, Equatable, CustomStringConvertible {
    package var description: String {
        "the HTTP client could not start: the system gave no descriptor, memory or thread"
    }
}
