import HTTP

/// Finds the row for a path, by bytes: one node a segment, so the cost is the path's length however many rows.
struct Router: Sendable {
    private final class Node: Sendable {
        let children: [(name: [UInt8], node: Node)]
        let parameter: Node?
        let endpoints: [Endpoint]
        let route: Route

        init(children: [(name: [UInt8], node: Node)], parameter: Node?, endpoints: [Endpoint], route: Route) {
            self.children = children
            self.parameter = parameter
            self.endpoints = endpoints
            self.route = route
        }
    }

    /// The patterns in the order of the table, for counting.
    let patterns: [String]
    private let root: Node

    init(_ endpoints: [Endpoint]) {
        var patterns: [String] = []
        for endpoint in endpoints where !patterns.contains(endpoint.pattern) { patterns.append(endpoint.pattern) }
        self.patterns = patterns
        root = Self.node(endpoints.map { ($0, Self.segments($0.pattern)) }, depth: 0, patterns: patterns)
    }

    /// All that is known of a path: its methods, and where its parameters lie.
    struct Match: Sendable {
        let endpoints: [Endpoint]
        let route: Route
        let parameters: [Range<Int>]

        /// The row for a method; HEAD is GET without a body (RFC 9110 §9.3.2).
        func endpoint(for method: HTTPMethod) -> Endpoint? {
            endpoints.first { $0.method == method }
                ?? (method == .head ? endpoints.first { $0.method == .get } : nil)
        }

        var allow: String {
            var methods = endpoints.map(\.method.name)
            if methods.contains("GET") { methods.append("HEAD") }
            methods.append("OPTIONS")
            return methods.joined(separator: ", ")
        }
    }

    func match(_ target: RequestTarget) -> Match? {
        target.withPath { path in
            var node = root
            var parameters: [Range<Int>] = []
            var start = 1
            guard path.first == UInt8(ascii: "/") else { return nil }
            while start < path.count {
                let end = path[start...].firstIndex(of: UInt8(ascii: "/")) ?? path.count
                guard end > start else { return nil }
                let segment = path[start..<end]
                if let child = node.children.first(where: { $0.name.elementsEqual(segment) }) {
                    node = child.node
                } else if let child = node.parameter {
                    parameters.append(start..<end)
                    node = child
                } else {
                    return nil
                }
                start = end + 1
            }
            return node.endpoints.isEmpty
                ? nil : Match(endpoints: node.endpoints, route: node.route, parameters: parameters)
        }
    }

    private static func segments(_ pattern: String) -> [String] { pattern.split(separator: "/").map(String.init) }

    private static func node(
        _ rows: [(endpoint: Endpoint, segments: [String])], depth: Int, patterns: [String]
    ) -> Node {
        let here = rows.filter { $0.segments.count == depth }.map(\.endpoint)
        let deeper = rows.filter { $0.segments.count > depth }
        var names: [String] = []
        for row in deeper where !row.segments[depth].hasPrefix("{") && !names.contains(row.segments[depth]) {
            names.append(row.segments[depth])
        }
        let children = names.map { name in
            (Array(name.utf8), node(deeper.filter { $0.segments[depth] == name }, depth: depth + 1, patterns: patterns))
        }
        let open = deeper.filter { $0.segments[depth].hasPrefix("{") }
        return Node(
            children: children,
            parameter: open.isEmpty ? nil : node(open, depth: depth + 1, patterns: patterns), endpoints: here,
            route: here.first.flatMap { patterns.firstIndex(of: $0.pattern) }.map(Route.init) ?? .unmatched)
    }
}
