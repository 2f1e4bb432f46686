import Domain

/// Where Work says what happened. Gateway makes the lines; nothing secret ever reaches here.
package struct Journal: Sendable {
    package enum Level: String, Sendable { case debug, info, warning, error }

    package struct Entry: Sendable {
        package let level: Level
        /// A fixed phrase: what changes from case to case is in `fields`.
        package let message: String
        package let task: TaskID?
        package let fields: [(name: String, value: String)]
    }

    private let sink: @Sendable (Entry) -> Void

    package init(_ sink: @escaping @Sendable (Entry) -> Void) { self.sink = sink }

    package static let silent = Journal { _ in }

    package func note(
        _ level: Level, _ message: String, task: TaskID? = nil, _ fields: KeyValuePairs<String, String> = [:]
    ) {
        sink(Entry(level: level, message: message, task: task, fields: fields.map { (name: $0.key, value: $0.value) }))
    }
}
