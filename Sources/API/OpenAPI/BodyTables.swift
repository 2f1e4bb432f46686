import JSON

/// The fields of request bodies as tables, from the document's own schemas.
struct BodyTables {
    private let schemas: JSONValue

    init(document: [UInt8]) {
        let document = try? JSONReader.value(of: document)
        schemas = document?["components"]?["schemas"] ?? .null
    }

    func table(of name: String) -> String {
        guard let schema = schemas[name], let fields = schema["properties"]?.object?.members, !fields.isEmpty else {
            return ""
        }
        let required = Set(schema["required"]?.array?.compactMap(\.string) ?? [])
        var html = "<table id=\"\(name)\"><tr><th>Field</th><th>Takes</th><th>Default</th><th>Meaning</th></tr>\n"
        for field in fields {
            let standard = field.value["default"].map { "<code>\(DocsPage.escaped($0.plain))</code>" } ?? ""
            let words = (required.contains(field.name) ? "Required. " : "") + (field.value["description"]?.string ?? "")
            html += "<tr><td><code>\(field.name)</code></td><td>\(DocsPage.escaped(takes(field.value)))</td>"
            html += "<td>\(standard)</td><td>\(DocsPage.prose(words))</td></tr>\n"
        }
        return html + "</table>\n"
    }

    func link(to name: String) -> String { "<p>The body: <a href=\"#\(name)\">the same fields</a>.</p>\n" }

    /// What a field may be, in words. null is the same as absent, and not named.
    private func takes(_ schema: JSONValue) -> String {
        if let choices = schema["enum"]?.array {
            let words = choices.filter { !$0.isNull }.map(\.plain)
            // A figure is taken as a number and in quotes.
            return words.enumerated().filter { !words[..<$0.offset].contains($0.element) }.map(\.element)
                .joined(separator: ", ")
        }
        if let kinds = schema["anyOf"]?.array {
            return kinds.map(takes).filter { !$0.isEmpty }.joined(separator: "; or ")
        }
        if let name = schema["$ref"]?.string?.split(separator: "/").last, let schema = schemas[String(name)] {
            return takes(schema)
        }
        let types = schema["type"]?.array?.compactMap(\.string) ?? schema["type"]?.string.map { [$0] } ?? []
        return types.filter { $0 != "null" }.map { takes($0, schema) }.joined(separator: "; or ")
    }

    private func takes(_ type: String, _ schema: JSONValue) -> String {
        switch type {
        case "boolean": "true, false"
        case "integer": "whole number" + range(schema["minimum"], schema["maximum"])
        case "number": "number" + range(schema["minimum"], schema["maximum"])
        case "string": "text" + range(schema["minLength"], schema["maxLength"], of: " characters")
        case "array":
            "list" + range(schema["minItems"], schema["maxItems"], of: " items")
                + (schema["items"].map { ": " + takes($0) } ?? "")
        case "object": "object" + range(nil, schema["maxProperties"], of: " members")
        default: type
        }
    }

    private func range(_ least: JSONValue?, _ most: JSONValue?, of unit: String = "") -> String {
        switch (least?.plain, most?.plain) {
        case (let least?, let most?): unit.isEmpty ? " from \(least) to \(most)" : " of \(least) to \(most)\(unit)"
        case (nil, let most?): " of up to \(most)\(unit)"
        // That a text is not empty goes without saying.
        case ("1", nil) where !unit.isEmpty: ""
        case (let least?, nil): " from \(least)\(unit)"
        case (nil, nil): ""
        }
    }
}

extension JSONValue {
    /// As a person would write it: text without quotes.
    fileprivate var plain: String { string ?? description }
}
