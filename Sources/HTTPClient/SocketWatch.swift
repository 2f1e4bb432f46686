import CCurl
import CLinux
import Glibc

/// The epoll set of libcurl's sockets.
///
/// libcurl lets go of a socket after each answer and takes it up again for the next request. A connection that waited
/// for an answer stays in the set meanwhile, so that keeping it costs no system call; one that stirs while nobody
/// waits for it (the server closed it) is taken out then.
///
/// What is still connecting, or is not ours, is taken out at once: such sockets libcurl closes without a word (7.88,
/// `cf_socket_close`), and the kernel gives the number to the next one that is opened.
///
/// Only used on the client's thread.
final class SocketWatch {
    private struct Entry {
        /// What libcurl waits for; 0 while the connection rests.
        var wanted: UInt32 = 0
        /// What the kernel has been told; 0 when the socket is not in the set.
        var registered: UInt32 = 0
        var isOurs = false
        /// Whether it counts as open: from when it is first waited for, since one that fails at once is closed
        /// without a word.
        var isCounted = false
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

    /// libcurl says what it waits for at a socket: `CURL_POLL_IN`, `…OUT`, `…INOUT` or `…REMOVE`. False when it has
    /// closed the socket without a word.
    func want(_ socket: Int32, _ action: Int32) -> Bool {
        makeRoom(for: socket)
        let index = Int(socket)
        if action == CURL_POLL_REMOVE {
            let mayRest = entries[index].isOurs && entries[index].wanted == linux_readable
            entries[index].wanted = 0
            guard !mayRest, !unregister(socket), entries[index].isOurs else { return true }
            forget(socket)
            return false
        }
        if entries[index].isOurs, !entries[index].isCounted {
            entries[index].isCounted = true
            openConnections += 1
        }
        var wanted: UInt32 = 0
        if action & CURL_POLL_IN != 0 { wanted |= linux_readable }
        if action & CURL_POLL_OUT != 0 { wanted |= linux_writable }
        entries[index].wanted = wanted
        guard entries[index].registered != wanted else { return true }
        let operation = entries[index].registered == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD
        if linux_epoll_set(epoll, operation, socket, wanted, UInt64(socket)) == 0 {
            entries[index].registered = wanted
        }
        return true
    }

    /// False when the socket is not there any more.
    @discardableResult
    private func unregister(_ socket: Int32) -> Bool {
        guard entries[Int(socket)].registered != 0 else { return true }
        entries[Int(socket)].registered = 0
        return linux_epoll_set(epoll, EPOLL_CTL_DEL, socket, 0, 0) == 0
    }

    private func makeRoom(for socket: Int32) {
        while entries.count <= Int(socket) { entries.append(Entry()) }
    }

    /// Opens a TCP socket for libcurl, or answers -1.
    func open(family: Int32) -> Int32 {
        let descriptor = socket(family, linux_socket_flags, Int32(IPPROTO_TCP))
        guard descriptor >= 0 else { return -1 }
        makeRoom(for: descriptor)
        // When a socket that was still wanted has been closed without a word, libcurl takes the new one of the same
        // number for it and believes that it is being watched already.
        let stillWanted = entries[Int(descriptor)].wanted
        if entries[Int(descriptor)].isOurs { forget(descriptor) }
        entries[Int(descriptor)].isOurs = true
        if stillWanted != 0, linux_epoll_set(epoll, EPOLL_CTL_ADD, descriptor, stillWanted, UInt64(descriptor)) == 0 {
            entries[Int(descriptor)].wanted = stillWanted
            entries[Int(descriptor)].registered = stillWanted
        }
        openedConnections += 1
        return descriptor
    }

    /// Closes one of ours; closing takes it out of the set.
    func close(_ socket: Int32) {
        if Int(socket) < entries.count, entries[Int(socket)].isOurs { forget(socket) }
        Glibc.close(socket)
    }

    private func forget(_ socket: Int32) {
        if entries[Int(socket)].isCounted { openConnections -= 1 }
        entries[Int(socket)] = Entry()
    }
}
