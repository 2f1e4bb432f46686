import Dispatch
import HTTP
import HTTPClient
import HTTPServer
import Simulation

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Ends the program with a sentence on stderr.
func fail(_ message: String) -> Never {
    let line = Array("provider-simulator: \(message)\n".utf8)
    _ = write(2, line, line.count)
    exit(1)
}

do {
    let options = try Options(Array(CommandLine.arguments.dropFirst()))
    if options.wantsHelp {
        print(Options.help, terminator: "")
        exit(0)
    }
    guard let signer = WebhookSigner(seed: options.signingSeed ?? WebhookSigner.testKey) else {
        fail("the signing seed is no Ed25519 key")
    }
    var world = World(
        signer: signer, models: ModelShelf(faces: options.faces, side: options.textureSide))
    world.settings.timeScale = options.timeScale
    world.settings.keys = options.keys
    // Its callers are tests and people at their own machine: it may call anywhere.
    var policy = CallPolicy(
        egress: EgressPolicy(
            allowed: ["0.0.0.0/0", "::/0"].compactMap { AddressRange($0) }, allowsPlainHTTP: true))
    policy.totalTimeout = .seconds(5)
    let handler = SimulatorHandler(world: world, client: try HTTPClient(name: "simulator"), policy: policy)
    var configuration = ServerConfiguration(listeners: options.listeners)
    if let certificate = options.certificate, let key = options.key {
        configuration.tls = .init(certificatePath: certificate, keyPath: key)
    }
    configuration.limits.bodyBytes = 64 << 20
    configuration.limits.answerSeconds = 3600
    let server = HTTPServer(configuration: configuration, handler: handler)
    try server.start()
    for listener in server.listeners {
        print("listening on \(listener.usesTLS ? "https" : "http")://\(listener.address)")
    }
    // Whoever started us waits for these lines, perhaps at the end of a pipe.
    fflush(nil)
    dispatchMain()
} catch let complaint as Options.Complaint {
    fail(complaint.message)
} catch {
    fail("\(error)")
}
