import Defaults
import Domain
import HTTP
import Providers
import Testing

@testable import Gateway

struct ConfigurationTests {
    private func load(
        _ text: String? = nil, environment: [String: String] = [:],
        flags: [(key: String, flag: String, text: String)] = [], files: [String: String] = [:]
    ) throws(ConfigurationFaults) -> Configuration {
        try Configuration(
            ConfigurationSources(
                file: text.map { ("my.json5", Array($0.utf8)) }, environment: environment, flags: flags,
                contents: { path in files[path].map { Array($0.utf8) } }))
    }

    private func faults(
        _ text: String? = nil, environment: [String: String] = [:], files: [String: String] = [:]
    ) -> [String] {
        do throws(ConfigurationFaults) {
            _ = try load(text, environment: environment, files: files)
            return []
        } catch {
            return error.faults.map(\.description)
        }
    }

    @Test func `the embedded defaults name every setting, each with a comment above it or its group`() throws {
        let configuration = try load()
        #expect(configuration.effective.map(\.key).sorted() == Setting.all.map(\.key).sorted())
        #expect(configuration.effective.allSatisfy { $0.origin == .standard })
        #expect(configuration.listen == ["127.0.0.1:8080"])
        #expect(configuration.prices == .standard)
        #expect(configuration.limits.bodyBytes == 33_554_432)
        #expect(configuration.providers.count == Configuration.providerIDs.count)
        #expect(configuration.isEnabled(.sandbox))
    }

    @Test func `a secret's file that cannot be read is a mistake like any other`() {
        let path = "/run/secrets/fal"
        let found = faults("{ providers: { fal: { enabled: true } } }", environment: ["FAL_KEY_FILE": path])
        #expect(found.count == 1)
        #expect(found.first?.contains("providers.fal.api_key: cannot read the file \(path)") == true)
        let other = "{ providers: { fal: { enabled: true, api_key: 'a-key-of-many-letters' } } }"
        #expect(faults(other, environment: ["FAL_KEY_FILE": path]) == [])
    }

    @Test func `defaults give way to the file, the file to the environment, all to the flags`() throws {
        let text = "{ limits: { body_bytes: 2048, task_deadline: 60 }, polling: { scale: 0.5 }, listen: ':1' }"
        let configuration = try load(
            text, environment: ["TRELLIS_LIMITS_TASK_DEADLINE": "90", "TRELLIS_LISTEN": ":2,unix:/run/x.sock"],
            flags: [("polling.scale", "--scale", "0.25")])
        #expect(configuration.limits.bodyBytes == 2048)
        #expect(configuration.limits.taskDeadline == .seconds(90))
        #expect(configuration.polling.scale == 0.25)
        #expect(configuration.listen == [":2", "unix:/run/x.sock"])
        let origins = Dictionary(uniqueKeysWithValues: configuration.effective.map { ($0.key, $0.origin.description) })
        #expect(origins["limits.body_bytes"] == "my.json5:1")
        #expect(origins["limits.task_deadline"] == "TRELLIS_LIMITS_TASK_DEADLINE")
        #expect(origins["polling.scale"] == "--scale")
        #expect(origins["polling.longest"] == "default")
    }

    @Test func `merging goes key by key`() throws {
        let configuration = try load("{ providers: { fal: { concurrency: 7 } }, prices: { '512': { geometry: 3 } } }")
        #expect(configuration.providers["fal"]?.concurrency == 7)
        #expect(configuration.providers["fal"]?.baseURL == "https://queue.fal.run")
        #expect(configuration.prices.rows[512]?.geometry == 3)
        #expect(configuration.prices.rows[512]?.textured[4096] == 30)
    }

    @Test func `all mistakes are told together, each with its place and what is allowed`() {
        let found = faults(
            """
            {
              listen: "nowhere",
              limits: { body_byte: 3, task_deadline: "soon" },
              providers: { fall: {} },
              routing: { strategy: "cheepest", order: ["fal",
                "nope"] },
            }
            """, environment: ["TRELLIS_POLLING_SCALE": "fast", "TRELLIS_LIMITS_BODY_BYTE": "1"])
        #expect(
            found == [
                "my.json5:2:3: listen: must be an address such as \"127.0.0.1:8080\" or \"unix:/run/trellis.sock\"; got \"nowhere\"",
                "my.json5:3:13: limits.body_byte: there is no such setting; did you mean limits.body_bytes?",
                "my.json5:3:27: limits.task_deadline: must be a number from 1 to 31622400; got the text \"soon\"",
                "my.json5:4:16: providers.fall: there is no such setting; did you mean providers.fal?",
                "my.json5:5:14: routing.strategy: must be one of priority, cheapest, fastest, weighted; got \"cheepest\"; did you mean cheapest?",
                "my.json5:6:5: routing.order: must be one of \(Configuration.providerIDs.map(\.rawValue).joined(separator: ", ")); got \"nope\"",
                "TRELLIS_LIMITS_BODY_BYTE: no setting has this variable; did you mean TRELLIS_LIMITS_BODY_BYTES?",
                "TRELLIS_POLLING_SCALE: polling.scale: must be a number from 0.0001 to 100; got fast",
            ])
    }

    @Test func `a file that is no JSON5 is told with its place, and the environment's mistakes beside it`() {
        let found = faults("{ listen: }", environment: ["TRELLIS_POLLING_SCALE": "fast"])
        #expect(found.count == 2)
        #expect(found.first?.hasPrefix("my.json5:1:11: a value cannot begin with }") == true)
    }

    @Test func `variables of Kubernetes services are none of ours`() {
        #expect(
            faults(environment: [
                "TRELLIS_SERVICE_HOST": "10.0.0.1", "TRELLIS_PORT": "tcp://10.0.0.1:80",
                "TRELLIS_SERVICE_PORT_HTTP": "80", "TRELLIS_PORT_80_TCP_ADDR": "10.0.0.1",
            ]).isEmpty)
    }

    // MARK: Secrets

    @Test func `a key comes from the environment, from a file, or from the setting's own variable`() throws {
        let enabled = "{ providers: { fal: { enabled: true } } }"
        let key = "k3y-of-many-letters"
        for environment in [
            ["FAL_KEY": key], ["FAL_KEY_FILE": "/run/secret"], ["TRELLIS_PROVIDERS_FAL_API_KEY": key],
            ["TRELLIS_PROVIDERS_FAL_API_KEY_FILE": "/run/secret"],
        ] {
            let configuration = try load(enabled, environment: environment, files: ["/run/secret": key + "\n"])
            #expect(configuration.providers["fal"]?.key == Secret(key))
            #expect(!configuration.isEnabled(.sandbox))
        }
    }

    @Test(arguments: [
        ("", "is empty"), ("x9k2q", "is too short to be a real key (5 characters)"),
        ("your-api-key-here", "looks like a placeholder, not a real key"),
        ("aaaaaaaaaaaa", "looks like a placeholder, not a real key"),
        ("two words here", "has spaces or line breaks in it"),
    ])
    func `a key that cannot be one is refused`(key: String, why: String) {
        let found = faults("{ providers: { fal: { enabled: true } } }", environment: ["FAL_KEY": key])
        #expect(found.count == 1)
        #expect(found.first?.contains("providers.fal.api_key: \(why)") == true)
        #expect(key.isEmpty || found.first?.contains(key) == false)
    }

    @Test func `an enabled provider without a key is refused, a disabled one is not`() {
        let found = faults("{ providers: { runware: { enabled: true } } }")
        #expect(found.count == 1)
        #expect(found.first?.contains("set RUNWARE_API_KEY in the environment") == true)
        #expect(faults("{ providers: { runware: { enabled: false } } }").isEmpty)
    }

    @Test func `what is said of a key names the variable that the operator chose`() throws {
        let text = "{ providers: { fal: { enabled: true, api_key: '${MY_KEY}' } } }"
        #expect(
            faults(text, environment: ["FAL_KEY": "k3y-of-many-letters"]).first?.contains("set MY_KEY in the") == true)
        #expect(try load(text, environment: ["MY_KEY": "k3y-of-many-letters"]).isEnabled("fal"))
        let none = faults("{ providers: { fal: { enabled: true, api_key: null } } }")
        #expect(none.first?.contains("set providers.fal.api_key to \"${FAL_KEY}\"") == true)
        let weak = faults(
            "{ providers: { fal: { enabled: true } } }", environment: ["FAL_KEY_FILE": "/f"], files: ["/f": "\n"])
        #expect(weak == ["FAL_KEY_FILE: providers.fal.api_key: is empty; set the key that fal gave you"])
    }

    @Test func `no secret is ever shown`() throws {
        let key = "k3y-of-many-letters"
        let configuration = try load(
            "{ providers: { fal: { enabled: true } } }", environment: ["FAL_KEY": key])
        var shown = "\(configuration)"
        dump(configuration, to: &shown)
        shown += configuration.effective.map { "\($0.key)\($0.value)\($0.origin)" }.joined()
        #expect(!shown.contains(key))
        #expect(configuration.effective.contains { $0.key == "providers.fal.api_key" && $0.value == "\"***\"" })
        #expect(configuration.secrets == [Secret(key)])
    }

    @Test func `a variable that is not set is a mistake outside of secrets`() {
        let found = faults("{ public_url: 'https://${HOST_NAME}/x' }")
        #expect(found == ["my.json5:1:3: public_url: the environment variable HOST_NAME is not set"])
    }

    @Test func `variables are put into text`() throws {
        let configuration = try load(
            "{ public_url: 'https://${HOST_NAME}:${PORT}/' }", environment: ["HOST_NAME": "h", "PORT": "1"])
        #expect(configuration.publicURL == "https://h:1")
    }

    // MARK: What contradicts itself

    @Test func `values that are right alone may be wrong together`() {
        let found = faults(
            """
            { tls: { certificate: "/c.pem" }, assets: { ttl: 1000, max_ttl: 900 }, polling: { shortest: 5, longest: 2 },
              providers: { sandbox: { enabled: false } }, admin: { listen: ["127.0.0.1:8080"] } }
            """)
        let expected = [
            "no provider is enabled", "tls.certificate: needs tls.key", "assets.max_ttl: must not be less than",
            "polling.longest: must not be less than", "is named twice",
        ]
        #expect(found.count == expected.count)
        for words in expected { #expect(found.contains { $0.contains(words) }, "\(words)") }
    }

    @Test func `every wrong item of a list is named, each at its place`() {
        let found = faults("{ network: { allow: ['banana', '10.0.0.0/8', 'apple'] } }")
        #expect(found.count == 2)
        #expect(found.first?.hasPrefix("my.json5:1:22: network.allow: must be") == true)
        #expect(found.last?.contains("got \"apple\"") == true)
    }

    @Test func `a value that does not go with a default is told at its own line`() {
        #expect(
            faults("{ assets: { ttl: 900000 } }").first?.hasPrefix("my.json5:1:13: assets.max_ttl: must not") == true)
        #expect(
            faults("{ admin: { listen: ['127.0.0.1:8080'] } }")
                == ["my.json5:1:12: admin.listen: 127.0.0.1:8080 is named twice, here and in listen"])
    }

    @Test func `a URL that paths are appended to has no query`() {
        #expect(faults("{ public_url: 'https://x.example/y?q=1' }").first?.contains("without a query") == true)
    }

    // MARK: Where a gateway runs

    @Test(arguments: [
        // What is wrong elsewhere hides nothing.
        ("{ limts: {}, data_dir: '/here' }", [:], "/here"),
        ("{ limits: { body_bytes: 'much' } }", [:], "./data"),
        // The rest of a text that cannot be read could.
        ("{ data_dir: '/here', limits: ", [:], nil),
        ("{ limits: ", ["TRELLIS_DATA_DIR": "/here"], "/here"),
        ("{ data_dir: 7 }", [:], nil),
    ])
    func `the data directory is known whatever else is wrong`(
        text: String, environment: [String: String], directory: String?
    ) {
        let sources = ConfigurationSources(file: ("my.json5", Array(text.utf8)), environment: environment)
        #expect(sources.dataDirectory(isWhole: true) == directory)
    }

    @Test func `a file that cannot be opened hides what is not said elsewhere`() {
        #expect(ConfigurationSources().dataDirectory(isWhole: false) == nil)
        #expect(ConfigurationSources(environment: ["TRELLIS_DATA_DIR": "/d"]).dataDirectory(isWhole: false) == "/d")
    }

    @Test func `a provider's base address has no path`() {
        let found = faults("{ providers: { fal: { base_url: 'https://queue.fal.run/v1' } } }")
        #expect(found.first?.contains("\"https://queue.fal.run\" would do") == true)
    }

    // MARK: Reload

    @Test func `the difference of two configurations names what changed and what must wait`() throws {
        let old = try load("{ polling: { scale: 1 } }", environment: ["FAL_KEY": "first-key-1234"])
        let new = try load("{ polling: { scale: 2 }, listen: ':1' }", environment: ["FAL_KEY": "other-key-1234"])
        let changes = ConfigurationDifference(from: old, to: new).changes
        #expect(changes.map(\.key) == ["listen", "providers.fal.api_key", "polling.scale"])
        #expect(changes.map(\.needsRestart) == [true, false, false])
        #expect(changes[1].before == "\"***\"" && changes[1].after == "\"***\"")
        #expect(ConfigurationDifference(from: old, to: old).isEmpty)
    }

    @Test func `every setting explains itself`() {
        for setting in Setting.all {
            let help = SettingHelp.find(setting.key)
            #expect(help.count == 1)
            #expect(help.first?.text.contains("variable: \(setting.variable)") == true)
            // Between its name and what it may be stands what it is.
            let second = help.first?.text.split(separator: "\n").dropFirst().first
            #expect(second?.hasPrefix("  allowed:") == false, "\(setting.key) has no comment")
            // What is read at the start alone says so; the first run is one start by its nature.
            if !setting.key.hasPrefix("first_run.") {
                #expect(second?.contains("estart") == setting.needsRestart, "\(setting.key)")
            }
        }
        #expect(SettingHelp.find("providers.fal.concurrency").first?.text.contains("jobs at the same time") == true)
        #expect(SettingHelp.find("body_bytes").map(\.key) == ["limits.body_bytes"])
        #expect(SettingHelp.find("limits").count > 5)
        #expect(SettingHelp.find("no.such").isEmpty)
    }

    @Test func `the defaults give each provider what its table says it bears`() throws {
        let standard = try load().providers
        for provider in Provider.all {
            let own = try #require(standard[provider.id])
            #expect(own.concurrency == provider.limits.concurrency, "\(provider.id)")
            #expect(own.requestsPerMinute == provider.limits.requestsPerMinute, "\(provider.id)")
            if provider.id != .sandbox { #expect(own.baseURL == provider.baseURL) }
        }
    }

    @Test(
        arguments: [
            ("limit", ["limits", "listen"], "limits"), ("bdoy", ["body"], "body"), ("zebra", ["body"], nil),
        ] as [(String, [String], String?)])
    func `the nearest word is found if it is near`(word: String, known: [String], nearest: String?) {
        #expect(Spelling.nearest(to: word, of: known) == nearest)
    }
}
