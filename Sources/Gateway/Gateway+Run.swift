import API
import CLinux
import Domain
import Glibc
import HTTPClient
import HTTPServer
import Store
import Synchronization
import Webhooks
import Work

extension Gateway {
    /// Runs until a signal ends it. `tell` prints what is for a person's eyes and no log.
    package static func run(
        _ configuration: Configuration,
        reload: @escaping @Sendable () throws(ConfigurationFailure) -> Configuration,
        tell: @escaping @Sendable (String) -> Void
    ) async -> Ending {
        // What is in the data directory is nobody else's business.
        umask(0o077)
        // A burst of large uploads must not stay in the process for good.
        _ = linux_return_large_blocks()
        let log = Log(
            level: configuration.logging.level, format: configuration.logging.format,
            redactor: Redactor(configuration.secrets))
        defer { log.flush() }
        let (wishes, wish) = AsyncStream.makeStream(of: Wish.self)
        // From here on, so that whoever stops it while it starts is heard.
        let signals = Signals { signal in wish.yield(signal == .stop ? .stop : .reload) }
        defer { withExtendedLifetime(signals) {} }
        let house: House
        do {
            house = try House(configuration, log: log, onFatal: { wish.yield(.storeFailed($0)) })
        } catch {
            return .couldNotStart("\(error)")
        }
        house.change { $0.load = reload }
        if house.store.upgrade.from > 0, !house.store.upgrade.applied.isEmpty {
            log(
                .info, "the database was brought to this version's schema",
                [
                    "applied": .text(house.store.upgrade.applied.joined(separator: ", ")),
                    "copy_before": .text(house.store.upgrade.copy ?? "none"),
                ])
        }
        for note in libraryNotes { log(.info, "library", ["note": .text(note)]) }
        for warning in configuration.warnings { log(.warning, "configuration", ["note": .text(warning)]) }
        do {
            let welcome = try await house.open()
            if let welcome { tell(welcome) }
        } catch {
            await house.close()
            return .couldNotStart("\(error)")
        }
        for await wish in wishes {
            switch wish {
            case .reload: await house.reload(bySignal: reload)
            case .stop:
                await house.close()
                return .stopped
            case .storeFailed(let why):
                // Nothing may be acknowledged any more: what the store remembers is for the next start to find out.
                log(.error, "the store failed; the gateway ends so that a restart can look", ["why": .text(why)])
                return .storeFailed
            }
        }
        return .stopped
    }

    private enum Wish: Sendable {
        case stop, reload
        case storeFailed(String)
    }
}

extension House {
    /// Begins everything, in order; answers what a person should read at the first start.
    func open() async throws -> String? {
        try await work.start()
        let api = API(
            store: store, around: surroundings(), status: status, settings: configuration.front)
        var serving = configuration.server(listeners, log: log)
        // Each event loop then has its clients wait for the one thread that writes, so it should not be in its way.
        serving.coresElsewhere = { [store] in store.isCrowded ? 1 : 0 }
        let server = HTTPServer(configuration: serving, handler: api)
        try server.start()
        for case (.unix(let path), let label) in listeners.map({ ($0.address, $0.label) }) {
            chmod(path, label == Listener.control ? 0o600 : 0o660)
        }
        let housekeeping = Housekeeping(
            store: store, files: files, clock: clock, log: log, retention: { [self] in configuration.kept })
        store.onMail { [sender] in sender.wake() }
        let watch = ReadinessWatch(log: log) { [weak self] in self?.readiness().problems ?? [] }
        let loops = [
            Task { [sender] in await sender.run() }, Task { await housekeeping.run() }, Task { await watch.run() },
        ]
        change { state in
            state.api = api
            state.server = server
            state.loops = loops
        }
        for listener in server.listeners {
            let (address, label, tls) = ("\(listener.address)", listener.label, listener.usesTLS)
            // The customers' address leads to no other listener.
            if label == Listener.front {
                log(
                    .info, "listening",
                    [
                        "address": .text(address), "listener": .text(label), "tls": .flag(tls),
                        "url": .text(publicURL),
                    ])
            } else {
                log(
                    .info, "listening",
                    ["address": .text(address), "listener": .text(label), "tls": .flag(tls)])
            }
        }
        let enabled = Configuration.providerIDs.filter(configuration.isEnabled).map(\.rawValue)
        log(
            .info, "ready",
            [
                "version": .text(Gateway.version), "pid": LogValue(getpid()),
                "data_dir": .text(configuration.dataDirectory), "providers": .text(enabled.joined(separator: ", ")),
                "start_ms": LogValue((clock.now() - startedAt).wholeMilliseconds),
            ])
        return try await FirstRun(configuration: configuration, store: store, url: publicURL).prepare(now: clock.now())
    }

    /// Ends everything, in reverse: no new connections, what is under way may end, then the rooms one by one.
    func close() async {
        let (server, api, loops) = change { state in
            state.isDraining = true
            return (state.server, state.api, state.loops)
        }
        let patience = configuration.drain
        let end = ContinuousClock.now + patience
        server?.beginDraining()
        // Whoever only waits for news is told to come back; nobody's work is cut off by that.
        api?.waiting.close()
        log(.info, "stopping", ["drain_seconds": .number(patience.inSeconds)])
        if let server {
            await Task.detached {
                let isClean = server.drain(within: patience.inSeconds)
                if !isClean { self.log(.warning, "some requests were cut off") }
            }.value
        }
        await work.drain(patience: max(.seconds(1), end - .now))
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [sender] in await sender.drain() }
            // What is still on the wire then is sent again after the next start, under the same id.
            group.addTask { try? await Task.sleep(for: max(.seconds(1), end - .now)) }
            await group.next()
            group.cancelAll()
            await receivers.close()
        }
        for loop in loops { loop.cancel() }
        // Those of the last minute; a store that cannot write any more has told so elsewhere.
        try? await store.recordKeyUse()
        await client.close()
        await store.close()
        log(.info, "stopped")
    }
}
