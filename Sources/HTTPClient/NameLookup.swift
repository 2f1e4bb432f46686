import CLinux
import Glibc
import HTTP
import Synchronization

/// Finds the addresses of a name. Blocks; runs on a lookup thread.
package typealias NameLookup = @Sendable (_ name: String) -> LookupAnswer

package enum LookupAnswer: Sendable, Equatable {
    /// In the order in which they should be tried; ports do not matter.
    case addresses([NetworkAddress])
    /// There is no such name, or nobody could say. In words for the operator.
    case none(String)
}

/// The system's resolver, with its files, its order and its configuration.
package func systemLookup(_ name: String) -> LookupAnswer {
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(name, nil, &hints, &list)
    guard code == 0 else { return .none(String(cString: gai_strerror(code))) }
    defer { freeaddrinfo(list) }
    var addresses: [NetworkAddress] = []
    var next = list
    while let entry = next?.pointee {
        if let pointer = entry.ai_addr, let address = NetworkAddress(pointer) { addresses.append(address) }
        next = entry.ai_next
    }
    return addresses.isEmpty ? .none("no Internet address") : .addresses(addresses)
}

/// The threads that wait for the resolver, so that the client's own never does.
///
/// libcurl would start a thread for each lookup, a thousand for a thousand webhooks to one new host, and wait for it
/// when the call is given up. Here a name is looked up once for all who ask (`NameCache`), by a bounded number of
/// threads that exist only while there is something to look up.
final class LookupThreads: Sendable {
    /// Each may hang for as long as the system's resolver does with a dead server (30 s and more), so there are enough
    /// for a few dozen dead names at once; and few enough that their stacks cost nothing.
    static let limit = 32
    private static let stackBytes = 256 << 10

    private struct State {
        var names: [String] = []
        var threads = 0
    }

    private let state = Mutex(State())
    private let lookup: NameLookup
    private let mailbox: Mailbox

    init(lookup: @escaping NameLookup, mailbox: Mailbox) {
        self.lookup = lookup
        self.mailbox = mailbox
    }

    func lookUp(_ name: String) {
        let needsThread = state.withLock { state in
            state.names.append(name)
            guard state.threads < Self.limit else { return false }
            state.threads += 1
            return true
        }
        if needsThread, !startThread(name: "http-lookup", stackBytes: Self.stackBytes, { self.run() }) {
            // Another thread takes the name, or, without any, the calls that wait for it run into their timeout.
            state.withLock { $0.threads -= 1 }
        }
    }

    private func run() {
        while let name = next() { mailbox.post(.resolved(name: name, lookup(name))) }
    }

    private func next() -> String? {
        state.withLock { state in
            guard !state.names.isEmpty else {
                state.threads -= 1
                return nil
            }
            return state.names.removeFirst()
        }
    }
}

/// Starts a detached thread that takes no signals: they belong to the threads that handle them, and a broken pipe is
/// an error code here. False when the system has no room for one.
func startThread(name: String, stackBytes: Int, _ body: @escaping @Sendable () -> Void) -> Bool {
    final class Start: Sendable {
        let name: String
        let body: @Sendable () -> Void
        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setstacksize(&attributes, stackBytes)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    var all = sigset_t()
    var before = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    let start = Unmanaged.passRetained(Start(name: name, body: body))
    var thread = pthread_t()
    let code = pthread_create(
        &thread, &attributes,
        { argument in
            guard let argument else { return nil }
            let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
            // The kernel keeps fifteen characters.
            pthread_setname_np(pthread_self(), String(decoding: start.name.utf8.prefix(15), as: UTF8.self))
            start.body()
            return nil
        }, start.toOpaque())
    if code != 0 { start.release() }
    return code == 0
}
