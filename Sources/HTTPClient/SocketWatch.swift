import CCurl
import CLinux
import Glibc

/// The epoll set of libcurl's sockets.
///
/// libcurl lets go of a socket after each answer and takes it up again for the next request. Sockets that we opened
/// stay in the set meanwhile, so that a kept connection costs no system call; one that stirs while nobody waits for
/// it (the server closed it) is taken out then. libcurl closes its other sockets without a word, so those are taken
/// out at once, before their number can come back as another socket.
///
/// Only used on the client's thread.
final class SocketWatch {
    private struct Entry {
        /// What libcurl waits for; 0 while the connection rests.
        var wanted: UInt32 = 0
        /// What the kernel has been told; 0 when the socket is not in the set.
        var registered: UInt32 = 0
        var isOurs = false
    }

    private let epoll: Int32
    private var entries: [Entry] = []
    /// As many events as one look takes; the rest comes with the next look.
    private let events = UnsafeMutableBufferPointer<epoll_event>.allocate(capacity: 256)
    private(set) var openConnections = 0
    private(set) var openedConnections = 0

    init?(wake: Int32) {
        epoll = linux_epoll_create()
        events.initialize(repeating: epoll_event())
        guard epoll >= 0, linux_epoll_set(epoll, EPOLL_CTL_ADD, wake, linux_readable, UInt64(wake)) == 0 else {
            return nil
        }
    }

    deinit {
        Glibc.close(epoll)
        events.deallocate()
    }

    /// Waits, then tells each descriptor that is ready with its `CURL_CSELECT` bits; the wake descriptor with none.
    func wait(milliseconds: Int32, _ body: (_ descriptor: Int32, _ bits: Int32) -> Void) {
        let count = epoll_wait(epoll, events.baseAddress, Int32(events.count), milliseconds)
        guard count > 0 else { return }
        for index in 0..<Int(count) {
            var event = events[index]
            let descriptor = Int32(linux_epoll_tag(&event))
            let entry = Int(descriptor) < entries.count ? entries[Int(descriptor)] : Entry()
            if entry.registered == 0 {
                body(descriptor, 0)
            } else if entry.wanted == 0 {
                unregister(descriptor)
            } else {
                // A broken socket is shown as ready for what was wanted: reading or writing tells what broke it.
                let ready = event.events & linux_broken != 0 ? entry.wanted : event.events & entry.wanted
                var bits: Int32 = 0
                if ready & linux_readable != 0 { bits |= CURL_CSELECT_IN }
                if ready & linux_writable != 0 { bits |= CURL_CSELECT_OUT }
                if bits != 0 { body(descriptor, bits) }
            }
        }
    }

    /// libcurl says what it waits for at a socket: `CURL_POLL_IN`, `…OUT`, `…INOUT` or `…REMOVE`.
    func want(_ socket: Int32, _ action: Int32) {
        makeRoom(for: socket)
        let index = Int(socket)
        if action == CURL_POLL_REMOVE {
            entries[index].wanted = 0
            if !entries[index].isOurs { unregister(socket) }
            return
        }
        var wanted: UInt32 = 0
        if action & CURL_POLL_IN != 0 { wanted |= linux_readable }
        if action & CURL_POLL_OUT != 0 { wanted |= linux_writable }
        entries[index].wanted = wanted
        guard entries[index].registered != wanted else { return }
        let operation = entries[index].registered == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD
        if linux_epoll_set(epoll, operation, socket, wanted, UInt64(socket)) == 0 {
            entries[index].registered = wanted
        }
    }

    private func unregister(_ socket: Int32) {
        guard entries[Int(socket)].registered != 0 else { return }
        _ = linux_epoll_set(epoll, EPOLL_CTL_DEL, socket, 0, 0)
        entries[Int(socket)].registered = 0
    }

    private func makeRoom(for socket: Int32) {
        while entries.count <= Int(socket) { entries.append(Entry()) }
    }

    /// Opens a TCP socket for libcurl, or answers -1.
    func open(family: Int32) -> Int32 {
        let descriptor = socket(family, linux_socket_flags, Int32(IPPROTO_TCP))
        guard descriptor >= 0 else { return -1 }
        makeRoom(for: descriptor)
        entries[Int(descriptor)] = Entry(isOurs: true)
        openConnections += 1
        openedConnections += 1
        return descriptor
    }

    /// Closes one of ours; closing takes it out of the set.
    func close(_ socket: Int32) {
        if Int(socket) < entries.count { entries[Int(socket)] = Entry() }
        openConnections -= 1
        Glibc.close(socket)
    }
}
