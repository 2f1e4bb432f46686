import CLinux
import Glibc

extension EventLoop {
    /// A look at the seating costs more than the hundredth part of a request, and this is soon enough.
    private static let requestsBetweenLooks = 16

    /// Hands a connection that is between two requests to another loop if it is better off there; true if it has gone.
    func handOver(_ connection: Connection) -> Bool {
        guard connection.served % Self.requestsBetweenLooks == 1, !isDraining, !connection.isReady,
            connection.tls?.hasPending != true, let other = core.seating.better(than: index)
        else { return false }
        leave(connection.slot)
        linux_epoll_set(epoll, EPOLL_CTL_DEL, connection.descriptor, 0, 0)
        guard core.mailboxes[other].send(connection) else {
            // The other has just ended.
            core.seating.enter(index)
            adopt([connection])
            return false
        }
        core.seating.enter(other)
        return true
    }

    /// Takes in connections that other loops had. What their clients have sent meanwhile epoll tells of at once.
    func adopt(_ arrivals: [Connection]) {
        for connection in arrivals {
            seat(connection)
            setDeadline(connection, at: connection.deadline)
        }
        // Only when all have their places: a draining loop ends with its last one.
        if isDraining { for connection in arrivals { letGo(connection) } }
    }
}
