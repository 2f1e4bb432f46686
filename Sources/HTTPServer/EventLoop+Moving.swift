import CLinux
import Glibc

extension EventLoop {
    /// A look at the seating costs more than the hundredth part of a request, and this is soon enough.
    private static let requestsBetweenLooks = 16

    /// Hands a connection that is between two requests to another loop if it is better off there; true if it has gone.
    func isMoved(_ connection: Connection) -> Bool {
        guard connection.served % Self.requestsBetweenLooks == 1, !isDraining, !connection.isReady,
            connection.tls?.hasPending != true, let other = core.seating.better(than: index)
        else { return false }
        let slot = connection.slot
        linux_epoll_set(epoll, EPOLL_CTL_DEL, connection.descriptor, 0, 0)
        guard core.mailboxes[other].send(connection) else {
            // The other has just ended.
            linux_epoll_set(epoll, EPOLL_CTL_ADD, connection.descriptor, connection.interest, connection.tag)
            return false
        }
        core.seating.enter(other)
        leave(slot)
        return true
    }

    /// Takes in a connection that another loop had. What its client has sent meanwhile epoll tells of at once.
    func take(_ connection: Connection) {
        seat(connection)
        setDeadline(connection, at: connection.deadline)
        if isDraining { letGo(connection) }
    }
}
