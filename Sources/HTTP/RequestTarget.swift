/// The path and query of a request target, as received: still percent-encoded, split once.
package struct RequestTarget: Sendable, Hashable {
    /// The whole of it: path, and query with its question mark if there is one.
    @usableFromInline package private(set) var bytes: [UInt8] = []
    /// How many bytes of `bytes` are the path.
    @usableFromInline package private(set) var pathLength = 0

    package init() {}

    package init(_ text: String) {
        var text = text
        text.withUTF8 { replace(with: $0) }
    }

    /// Takes new bytes, keeping the storage when it is not shared.
    package mutating func replace(with target: UnsafeBufferPointer<UInt8>) {
        bytes.removeAll(keepingCapacity: true)
        bytes.append(contentsOf: target)
        pathLength = target.firstIndex(of: UInt8(ascii: "?")) ?? target.count
    }

    /// The path as sent, for example `/v1/assets/a%20b`.
    package var path: String { String(decoding: bytes[..<pathLength], as: UTF8.self) }

    /// Whether there is a query, be it empty.
    package var hasQuery: Bool { pathLength < bytes.count }

    /// The query as sent, without the question mark; `nil` when there is none.
    package var query: String? {
        pathLength < bytes.count ? String(decoding: bytes[(pathLength + 1)...], as: UTF8.self) : nil
    }

    /// Lends the bytes of the path, for routers that compare without making a `String`.
    @inlinable @inline(__always)
    package func withPath<R>(_ body: (UnsafeBufferPointer<UInt8>) -> R) -> R {
        bytes.withUnsafeBufferPointer { body(UnsafeBufferPointer(rebasing: $0[..<pathLength])) }
    }

    /// The decoded query items in order; `a` without `=` has an empty value. Broken escapes stay as they are.
    package var queryItems: [(name: String, value: String)] { Query.items(query ?? "") }

    /// The first decoded query item called `name`.
    package func queryItem(_ name: String) -> String? {
        guard pathLength < bytes.count else { return nil }
        return queryItems.first { $0.name == name }?.value
    }
}

extension RequestTarget: CustomStringConvertible {
    package var description: String { String(decoding: bytes, as: UTF8.self) }
}
