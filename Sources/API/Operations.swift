import Domain
import HTTP
import JSON
import Store

extension API {
    static let operations: [Endpoint] = [
        Endpoint(.get, "/healthz", .open, pace: .free, .now(API.readHealth), .readHealth),
        Endpoint(.get, "/readyz", .open, pace: .free, .now(API.readReadiness), .readReadiness),
        Endpoint(.get, "/metrics", .open, pace: .free, .later(API.readMetrics), .readMetrics),
        Endpoint(.get, "/openapi.json", .open, pace: .free, .now(API.readOpenAPI), .readOpenAPI),
        Endpoint(.get, "/docs", .open, pace: .free, .now(API.readDocs), .readDocs),
    ]

    /// Alive: the process answers. Says what SQLite it stands on, for one version range of it is not to be trusted.
    @Sendable func readHealth(_ call: Call) throws(Refusal) -> HTTPResponse {
        let health = store.health
        var json = JSONWriter()
        json.object {
            $0.member("status", "ok")
            $0.member("version", call.settings.version)
            $0.object("store") {
                $0.member("sqlite", health.sqliteVersion)
                $0.member("wal_reset_bug", health.hasWALResetBug)
                $0.member("journal_mode", "wal")
                $0.member("synchronous", "full")
                $0.member("wal_bytes", health.walBytes)
            }
        }
        return HTTPResponse(.ok, headers: Self.jsonHeaders, body: .bytes(json.bytes))
    }

    /// Ready for work, or what keeps it from that.
    @Sendable func readReadiness(_ call: Call) throws(Refusal) -> HTTPResponse {
        let problems = around.problems()
        var json = JSONWriter()
        json.object {
            $0.member("status", problems.isEmpty ? "ready" : "not_ready")
            $0.array("problems") { json in
                for problem in problems {
                    json.object {
                        $0.member("check", problem.check)
                        $0.member("message", problem.message)
                    }
                }
            }
        }
        return HTTPResponse(
            problems.isEmpty ? .ok : .serviceUnavailable, headers: Self.jsonHeaders, body: .bytes(json.bytes))
    }

    @Sendable func readMetrics(_ call: Call) async throws(Refusal) -> HTTPResponse {
        HTTPResponse(
            .ok, headers: ["Content-Type": "text/plain; version=0.0.4; charset=utf-8", "Cache-Control": "no-store"],
            body: .bytes(await around.metrics() + Array(waitingMetric.utf8)))
    }

    private var waitingMetric: String {
        """
        # HELP trellis_waiting Long polls and event streams held open for a change of their task.
        # TYPE trellis_waiting gauge
        trellis_waiting \(waiting.count)

        """
    }

    @Sendable func readOpenAPI(_ call: Call) throws(Refusal) -> HTTPResponse {
        let document = OpenAPI(publicURL: status.links.publicURL, settings: call.settings, around: around)
        return HTTPResponse(
            .ok, headers: ["Content-Type": "application/json", "Cache-Control": "max-age=60"],
            body: .bytes(document.bytes(for: Self.endpoints)))
    }

    @Sendable func readDocs(_ call: Call) throws(Refusal) -> HTTPResponse {
        let document = OpenAPI(publicURL: status.links.publicURL, settings: call.settings, around: around)
        return HTTPResponse(
            .ok,
            headers: [
                "Content-Type": "text/html; charset=utf-8", "Cache-Control": "max-age=60",
                // The page is text and style; nothing on it may run or be fetched.
                "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
            ],
            body: .bytes(DocsPage(document: document, endpoints: Self.endpoints).bytes))
    }
}
