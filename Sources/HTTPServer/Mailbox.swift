import CLinux
import Glibc
import HTTP

/// Takes messages for one event loop from any thread. The first message of a batch wakes the loop, the others ride
/// along. It is also the way for a task that waited elsewhere to go on on the loop.
final class Mailbox: ReplyOutlet, TaskExecutor {
    enum Mail: Sendable {
        case reply(ReplyMessage, Reply.Token)
        case job(UnownedJob)
        case bodyRoom
        case drain
        case stop
    }

    private struct Contents {
        var mail: [Mail] = []
        /// Connections on their way from another loop. That one has forgotten them before they go in here, and this one
        /// knows of them when it has taken them out: at no time is one in two hands.
        var arrivals: [Connection] = []
        var isClosed = false

        var isEmpty: Bool { mail.isEmpty && arrivals.isEmpty }

        mutating func move(to other: inout Contents) {
            swap(&mail, &other.mail)
            swap(&arrivals, &other.arrivals)
        }
    }

    /// Readable when there is mail.
    let wakeDescriptor: Int32
    private let contents = Locked(Contents())

    init() throws(ServerError) {
        wakeDescriptor = linux_eventfd_create()
        guard wakeDescriptor >= 0 else { throw ServerError("eventfd", errno) }
    }

    deinit { close(wakeDescriptor) }

    func post(_ message: ReplyMessage, for token: Reply.Token) { post(.reply(message, token)) }

    var executor: (any TaskExecutor)? { self }

    func enqueue(_ job: consuming ExecutorJob) { post(.job(UnownedJob(job))) }

    func run(_ job: UnownedJob) { job.runSynchronously(on: asUnownedTaskExecutor()) }

    func post(_ mail: Mail) {
        if !put({ $0.mail.append(mail) }) { returnToSender(mail) }
    }

    /// Hands a connection over; false, and it stays with the caller, if the loop has ended.
    func send(_ connection: Connection) -> Bool {
        put { $0.arrivals.append(connection) }
    }

    private func put(_ add: (inout Contents) -> Void) -> Bool {
        let (wasEmpty, isClosed) = contents.withLock { contents in
            if contents.isClosed { return (false, true) }
            defer { add(&contents) }
            return (contents.isEmpty, false)
        }
        if wasEmpty {
            var one: UInt64 = 1
            write(wakeDescriptor, &one, 8)
        }
        return !isClosed
    }

    /// Takes all mail and all connections that have come over, and quiets the descriptor.
    func takeAll() -> (mail: [Mail], arrivals: [Connection]) {
        var count: UInt64 = 0
        read(wakeDescriptor, &count, 8)
        var taken = Contents()
        contents.withLock { $0.move(to: &taken) }
        return (taken.mail, taken.arrivals)
    }

    /// Refuses all further mail; what is waiting goes back. Connections that have come over are for the caller; with
    /// `unlessSomebodyCame` all stays as it is if there are any, and the answer is nil.
    func retire(unlessSomebodyCame: Bool = false) -> [Connection]? {
        var rest = Contents()
        let isKept = contents.withLock { contents in
            if unlessSomebodyCame, !contents.arrivals.isEmpty { return true }
            contents.isClosed = true
            contents.move(to: &rest)
            return false
        }
        if isKept { return nil }
        for mail in rest.mail { returnToSender(mail) }
        return rest.arrivals
    }

    /// Tells a sender that its client is gone. A task is brought to its end all the same.
    func returnToSender(_ mail: Mail) {
        switch mail {
        case .job(let job): run(job)
        case .reply(.watch(let action), _): action()
        case .reply(.open(_, let writer), _), .reply(.chunk(_, let writer), _): writer.closed()
        case .reply, .bodyRoom, .drain, .stop: break
        }
    }
}
