import Glibc

/// A value behind a lock. `Synchronization.Mutex` would do the same, but ThreadSanitizer cannot see that one, and
/// what the sanitizer cannot see it cannot vouch for.
///
/// The value is only ever touched between lock and unlock, which is what makes sharing it sound.
package final class Locked<Value>: @unchecked Sendable {
    /// On the heap, for the address of a stored property may change and a locked mutex must not move.
    @usableFromInline let mutex: UnsafeMutablePointer<pthread_mutex_t>
    @usableFromInline var value: Value

    package init(_ value: sending Value) {
        self.value = value
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    @inlinable
    package func withLock<R, E: Error>(_ body: (inout Value) throws(E) -> sending R) throws(E) -> sending R {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&value)
    }
}
