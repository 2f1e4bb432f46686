import Domain
import HTTP

/// The document as one plain page: no script, nothing fetched.
struct DocsPage {
    private let document: OpenAPI
    private let endpoints: [Endpoint]
    private let bodies: BodyTables

    init(document: OpenAPI, endpoints: [Endpoint]) {
        self.document = document
        self.endpoints = endpoints
        bodies = BodyTables(document: document.bytes(for: endpoints))
    }

    var bytes: [UInt8] {
        var html = """
            <!doctype html><html lang="en"><head><meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1"><title>trellis-gateway API</title>
            <style>body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;color:#222;
            background:#fff}code,pre{font:14px/1.4 ui-monospace,monospace;background:#f3f3f3;border-radius:4px}
            code{padding:.1em .3em}pre{padding:1em;overflow:auto}h2{margin-top:2.5em;border-bottom:1px solid #ccc}
            h3{margin-top:2em}table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;
            padding:.3em .8em .3em 0;border-bottom:1px solid #e5e5e5}</style></head><body><main>
            <h1>trellis-gateway API</h1>
            <p>Send <code>Authorization: Bearer YOUR_API_KEY</code> with every request. The same as a document for
            machines: <a href="/openapi.json">/openapi.json</a>.</p>
            <pre>\(Self.escaped(example))</pre>

            """
        var tags: [String] = []
        for endpoint in endpoints where !tags.contains(endpoint.operation.tag) { tags.append(endpoint.operation.tag) }
        // Two routes may take the same body; the first shows it.
        var shown: Set<String> = []
        for tag in tags {
            html += "<h2>\(Self.escaped(tag))</h2>\n"
            for endpoint in endpoints where endpoint.operation.tag == tag {
                html += section(endpoint)
                guard let body = endpoint.operation.request else { continue }
                html += shown.insert(body).inserted ? bodies.table(of: body) : bodies.link(to: body)
            }
        }
        return Array((html + "</main></body></html>\n").utf8)
    }

    private var example: String {
        """
        curl -X POST \(document.publicURL)/v1/3d-models/trellis2/generate/ \\
          -H "Authorization: Bearer YOUR_API_KEY" \\
          -H "Content-Type: application/json" \\
          -d '{"image_url": "https://example.com/my-object.png", "textures": true}'

        curl \(document.publicURL)/v1/generation-request/TASK_ID/status/ \\
          -H "Authorization: Bearer YOUR_API_KEY"
        """
    }

    private func section(_ endpoint: Endpoint) -> String {
        let operation = endpoint.operation
        var html = "<h3 id=\"\(operation.id)\">\(Self.escaped(operation.summary))</h3>\n"
        html += "<p><code>\(endpoint.method.name) \(Self.escaped(OpenAPI.path(endpoint.pattern)))</code></p>\n"
        if !operation.words.isEmpty { html += "<p>\(Self.prose(operation.words))</p>\n" }
        let items = operation.query.map { ($0, "query") } + operation.headers.map { ($0, "header") }
        if !items.isEmpty {
            html += "<table><tr><th>Name</th><th>In</th><th>Meaning</th></tr>\n"
            for (item, place) in items {
                html +=
                    "<tr><td><code>\(item.name)</code></td><td>\(place)</td><td>\(Self.prose(item.words))</td></tr>\n"
            }
            html += "</table>\n"
        }
        let errors = OpenAPI.errors(of: endpoint).sorted().map(String.init).joined(separator: ", ")
        let answers = operation.success.map { "\($0.status): \($0.words)" }.joined(separator: " ")
        return html + "<p>\(Self.prose(answers)) Errors: \(errors).</p>\n"
    }

    /// Text in which `…` is code.
    static func prose(_ text: String) -> String {
        let parts = text.split(separator: "`", omittingEmptySubsequences: false)
        return parts.enumerated().map { index, part in
            index.isMultiple(of: 2) ? escaped(part) : "<code>\(escaped(part))</code>"
        }.joined()
    }

    static func escaped(_ text: some StringProtocol) -> String {
        var html = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": html += "&amp;"
            case "<": html += "&lt;"
            case ">": html += "&gt;"
            case "\"": html += "&quot;"
            default: html.unicodeScalars.append(scalar)
            }
        }
        return html
    }
}
