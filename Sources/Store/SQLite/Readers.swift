import Dispatch
import Synchronization

/// A few connections that only read, each on its own queue. A read sees one moment, never waits for the writer, and
/// is over before anything else is waited for: a snapshot held open would keep the log from shrinking.
final class Readers: Sendable {
    private final class Reader: @unchecked Sendable {
        // Only touched on `queue`, which runs one thing at a time.
        var database: Database?
        let queue = DispatchQueue(label: "store.reader", qos: .userInitiated)
        /// Reads that have been given to it and are not over.
        let load = Atomic<Int>(0)
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
        let reader = leastBusy()
        let result: Result<R, StoreError> = await withUnsafeContinuation { continuation in
            reader.load.wrappingAdd(1, ordering: .relaxed)
            reader.queue.async {
                defer { reader.load.wrappingSubtract(1, ordering: .relaxed) }
                guard let database = reader.database else { return continuation.resume(returning: .failure(.closed)) }
                let result: Result<R, StoreError>
                do { result = .success(try body(database)) } catch { result = .failure(StoreError(error)) }
                continuation.resume(returning: result)
            }
        }
        return try result.get()
    }

    /// In turn, but not behind a long read while another has nothing to do.
    private func leastBusy() -> Reader {
        let first = (turn.wrappingAdd(1, ordering: .relaxed).newValue & .max) % readers.count
        var best = readers[first]
        var least = best.load.load(ordering: .relaxed)
        for step in 1..<readers.count where least > 0 {
            let other = readers[(first + step) % readers.count]
            let load = other.load.load(ordering: .relaxed)
            if load < least { (best, least) = (other, load) }
        }
        return best
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
