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
        var isClosed = false
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
        let (wasEmpty, isClosed) = contents.withLock { contents in
            if contents.isClosed { return (false, true) }
            contents.mail.append(mail)
            return (contents.mail.count == 1, false)
        }
        if isClosed { return returnToSender(mail) }
        if wasEmpty {
            var one: UInt64 = 1
            write(wakeDescriptor, &one, 8)
        }
    }

    /// Takes all mail, and quiets the descriptor.
    func takeAll() -> [Mail] {
        var count: UInt64 = 0
        read(wakeDescriptor, &count, 8)
        return contents.withLock { contents in
            defer { contents.mail = [] }
            return contents.mail
        }
    }

    /// Refuses all further mail; what is waiting goes back.
    func retire() {
        let rest = contents.withLock { contents in
            defer { contents.mail = [] }
            contents.isClosed = true
            return contents.mail
        }
        for mail in rest { returnToSender(mail) }
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
