import Gateway

extension Command {
    static let house: [Command] = [serve, check, version, help, health]

    private static let serve = Command(
        words: ["serve"], summary: "run the gateway",
        detail: """
            Settings come from the built-in defaults, over them the configuration file, over it TRELLIS_… variables,
            over them these flags. The file is --config, else TRELLIS_CONFIG, else ./gateway.json5, else
            /etc/trellis-gateway/gateway.json5, else none.

            SIGTERM ends what is under way and stops, a second signal stops at once, SIGHUP reads the settings again.
            """,
        options: [
            .init(name: "--listen", value: "ADDRESS", doc: "listen on ADDRESS (several with commas)"),
            .init(name: "--public-url", value: "URL", doc: "how clients reach the gateway"),
            .init(name: "--log-format", value: "FORMAT", doc: "json, or text for people"),
            .init(name: "--log-level", value: "LEVEL", doc: "debug, info, warning or error"),
        ],
        action: .run { invocation in
            let flags = [
                (key: "listen", flag: "--listen"), (key: "public_url", flag: "--public-url"),
                (key: "logging.format", flag: "--log-format"), (key: "logging.level", flag: "--log-level"),
            ]
            return try await Serve.run(invocation, flags: flags)
        })

    private static let check = Command(
        words: ["check"], summary: "check the settings, and print those in force",
        detail: """
            Prints every setting with its value and where it comes from; secrets are ***. If anything is wrong, all of
            it is listed with its line or variable, and the exit code is 1.
            """,
        options: [
            .init(name: "--changed", doc: "print only what differs from the defaults")
        ],
        action: .run { invocation in try Check.run(invocation) })

    private static let version = Command(
        words: ["version"], summary: "print the version",
        action: .run { invocation in
            if invocation.wantsJSON {
                Terminal.print("{\"version\": \"\(Gateway.version)\"}")
            } else {
                Terminal.print("trellis-gateway \(Gateway.version)")
            }
            return .done
        })

    private static let help = Command(
        words: ["help"], summary: "explain a command, or a setting",
        detail: "Examples: trellis-gateway help keys rotate, trellis-gateway help limits.body_bytes",
        arguments: [
            .init(name: "TOPIC", doc: "a command, or its first word; a setting, or a group of them", isRequired: false),
            .init(name: "WORD", doc: "the command's second word", isRequired: false),
        ],
        action: .run { invocation in
            let words = [invocation["TOPIC"], invocation["WORD"]].compactMap { $0 }
            return try Help.topic(words.isEmpty ? nil : words.joined(separator: " "))
        })

    private static let health = Command(
        words: ["health"], summary: "ask the running gateway whether it is ready",
        detail: "Exit code 0 when it is, else 1 with the reason. Made for the health check of a container.",
        action: .run { invocation in
            guard let answer = try invocation.runningGateway()?.send("GET", "/readyz") else {
                throw Failure(message: "no gateway runs on \(try invocation.configuration().dataDirectory)")
            }
            try View(invocation).show(answer)
            return answer.isGood ? .done : .failed
        })
}
