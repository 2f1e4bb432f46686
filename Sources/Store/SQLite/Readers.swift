import Dispatch
import Synchronization

/// A few connections that only read, each on its own queue. A read sees one moment, never waits for the writer, and
/// is over before anything else is waited for: a snapshot held open would keep the log from shrinking.
final class Readers: Sendable {
    private final class Reader: @unchecked Sendable {
        // Only touched on `queue`, which runs one thing at a time.
        var database: Database?
        let queue = DispatchQueue(label: "store.reader", qos: .userInitiated)
        init(_ database: Database) { self.database = database }
    }

    private let readers: [Reader]
    private let turn = Atomic<Int>(0)

    /// How many reads there were.
    var count: UInt64 { UInt64(bitPattern: Int64(turn.load(ordering: .relaxed))) }

    init(path: String, count: Int) throws {
        readers = try (0..<max(1, count)).map { _ in Reader(try Database(path: path, role: .reader)) }
    }

    func read<R: Sendable>(_ body: @escaping @Sendable (Database) throws -> R) async throws(StoreError) -> R {
        let reader = readers[(turn.wrappingAdd(1, ordering: .relaxed).newValue & .max) % readers.count]
        let result: Result<R, StoreError> = await withUnsafeContinuation { continuation in
            reader.queue.async {
                guard let database = reader.database else { return continuation.resume(returning: .failure(.closed)) }
                let result: Result<R, StoreError>
                do { result = .success(try body(database)) } catch { result = .failure(StoreError(error)) }
                continuation.resume(returning: result)
            }
        }
        return try result.get()
    }

    func close() async {
        for reader in readers {
            await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
                reader.queue.async {
                    reader.database = nil
                    continuation.resume()
                }
            }
        }
    }
}
