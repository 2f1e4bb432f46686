import Dispatch
import Glibc
import Synchronization

/// Signals as events of a queue, where anything may be done, instead of handlers, where nothing may.
final class Signals: Sendable {
    enum Wish: Sendable { case stop, reload }

    /// Sources are only held here so that they live; nothing is asked of them after the start.
    private let sources: Mutex<[any DispatchSourceSignal]>
    private let queue = DispatchQueue(label: "signals")

    private static let numbers = [(SIGTERM, Wish.stop), (SIGINT, .stop), (SIGHUP, .reload)]

    /// Keeps the signals pending until somebody listens: one that comes between the start and then is heard late
    /// instead of never (a blocked signal is not discarded, even where it is ignored; signal(7)). To be called on the
    /// main thread before there are others, which take its mask over.
    static func hold() {
        var set = sigset_t()
        sigemptyset(&set)
        for (number, _) in numbers { sigaddset(&set, number) }
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// The second wish to stop ends the process at once: whoever sends it does not want to wait.
    init(_ act: @escaping @Sendable (Wish) -> Void) {
        let stops = Counter()
        var sources: [any DispatchSourceSignal] = []
        for (number, wish) in Self.numbers {
            // The default action must be off for the source to see it (signal(7), dispatch_source_create(3)).
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                if wish == .stop, stops.next() > 1 { _exit(130) }
                act(wish)
            }
            source.resume()
            sources.append(source)
        }
        self.sources = Mutex(sources)
    }

    private final class Counter: Sendable {
        private let count = Atomic<Int>(0)
        func next() -> Int { count.wrappingAdd(1, ordering: .relaxed).newValue }
    }
}
