import Domain
import HTTP
import JSON

extension API {
    static let catalogue: [Endpoint] = [
        Endpoint(.get, "/v1/providers", .anyKey, .now(API.listProviders), .listProviders)
    ]

    /// Which providers there are, how they are, and what each can do.
    @Sendable func listProviders(_ call: Call) throws(Refusal) -> HTTPResponse {
        let allowed = try call.principal.limits.providers
        var json = JSONWriter(reserving: 8192)
        json.object { json in
            json.array("items") { json in
                for view in around.providers() where view.isEnabled && allowed?.contains(view.id) ?? true {
                    json.object { json in
                        json.member("provider", view.id.rawValue)
                        json.member("name", view.name)
                        json.member("healthy", view.breaker != .open)
                        json.member("typical_seconds", view.typicalDuration.map { $0.components.seconds })
                        json.array("parameters") { for ability in view.abilities { $0.write(ability) } }
                    }
                }
            }
        }
        return HTTPResponse(.ok, headers: Self.jsonHeaders, body: .bytes(json.bytes))
    }
}

extension JSONWriter {
    mutating func write(_ ability: ProviderView.Ability) {
        object {
            $0.member("name", ability.parameter.rawValue)
            $0.member("supported", ability.isSupported)
            $0.member("takes", ability.words)
        }
    }
}
