import HTTP
import Synchronization

/// What a server has counted since its start, summed over its loops.
package struct ServerMetrics: Sendable, Equatable {
    package struct RouteCounts: Sendable, Equatable {
        /// The pattern, never a raw path; `unmatched` for what no route took.
        package var route: String
        /// Answers by status code, those above zero, in order.
        package var statuses: [(code: Int, count: UInt64)]
        /// Answers that took up to each of `ServerMetrics.bucketSeconds`, not cumulated, and one more for longer.
        package var buckets: [UInt64]
        package var secondsSum: Double

        package static func == (left: RouteCounts, right: RouteCounts) -> Bool {
            left.route == right.route && left.buckets == right.buckets && left.secondsSum == right.secondsSum
                && left.statuses.elementsEqual(right.statuses) { $0 == $1 }
        }
    }

    package var routes: [RouteCounts] = []
    package var connectionsAccepted: UInt64 = 0
    package var connectionsRefused: UInt64 = 0
    package var connectionsOpen = 0
    package var bytesReceived: UInt64 = 0
    package var bytesSent: UInt64 = 0
    /// Requests the server refused by itself: malformed, too large, too slow.
    package var requestsRefused: UInt64 = 0
    package var timeouts: UInt64 = 0
    package var tlsFailures: UInt64 = 0
    package var bodyBytesInMemory = 0

    /// Upper bounds of the latency histogram, from half a millisecond to a minute's long poll.
    package static let bucketSeconds = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
    ]
}

/// The counters of one loop. Only the loop writes, with plain relaxed stores; a snapshot may be read from anywhere.
final class LoopCounters: @unchecked Sendable {
    enum Counter: Int, CaseIterable {
        case accepted, refusedConnections, received, sent, refusedRequests, timeouts, tlsFailures
    }

    /// The statuses that are counted one by one; any other is counted as its class, `x00`.
    private static let codes = [
        100, 200, 201, 202, 204, 206, 300, 301, 302, 303, 304, 307, 308, 400, 401, 402, 403, 404, 405, 406, 408, 409,
        410, 411, 412, 413, 414, 415, 416, 417, 421, 422, 429, 431, 500, 501, 502, 503, 504, 505, 507,
    ]
    private static let codeIndex: [UInt8] = (0..<600).map { code in
        UInt8(codes.firstIndex(of: code) ?? codes.firstIndex(of: code / 100 * 100) ?? 0)
    }
    private static let buckets = ServerMetrics.bucketSeconds.count + 1
    /// A route's cells: one a status, one a bucket, and the sum of microseconds.
    private static let stride = codes.count + buckets + 1

    /// Never moved or freed while the object lives, and every cell is atomic: that is what makes sharing it sound.
    private let cells: UnsafeMutablePointer<Atomic<UInt64>>
    private let cellCount: Int
    private let routeNames: [String]
    private let bounds = ServerMetrics.bucketSeconds.map { UInt64($0 * 1e6) }
    private let routesStart = Counter.allCases.count

    init(routes: [String]) {
        routeNames = routes + ["unmatched"]
        cellCount = routesStart + routeNames.count * Self.stride
        cells = .allocate(capacity: cellCount)
        for index in 0..<cellCount { (cells + index).initialize(to: Atomic(0)) }
    }

    deinit {
        cells.deinitialize(count: cellCount)
        cells.deallocate()
    }

    @inline(__always)
    private func add(_ cell: Int, _ amount: UInt64) {
        cells[cell].store(cells[cell].load(ordering: .relaxed) &+ amount, ordering: .relaxed)
    }

    @inline(__always)
    func count(_ counter: Counter, _ amount: Int = 1) { add(counter.rawValue, UInt64(amount)) }

    func count(_ route: Route, status: HTTPStatus, microseconds: UInt64) {
        let last = routeNames.count - 1
        let index = route.rawValue >= 0 && route.rawValue < last ? route.rawValue : last
        let start = routesStart + index * Self.stride
        add(start + Int(Self.codeIndex[min(Int(status.code), 599)]), 1)
        var bucket = 0
        while bucket < bounds.count, microseconds > bounds[bucket] { bucket += 1 }
        add(start + Self.codes.count + bucket, 1)
        add(start + Self.codes.count + Self.buckets, microseconds)
    }

    func value(_ counter: Counter) -> UInt64 { cells[counter.rawValue].load(ordering: .relaxed) }

    static func snapshot(_ loops: [LoopCounters]) -> ServerMetrics {
        var metrics = ServerMetrics()
        for loop in loops {
            metrics.connectionsAccepted += loop.value(.accepted)
            metrics.connectionsRefused += loop.value(.refusedConnections)
            metrics.bytesReceived += loop.value(.received)
            metrics.bytesSent += loop.value(.sent)
            metrics.requestsRefused += loop.value(.refusedRequests)
            metrics.timeouts += loop.value(.timeouts)
            metrics.tlsFailures += loop.value(.tlsFailures)
        }
        guard let first = loops.first else { return metrics }
        for (index, name) in first.routeNames.enumerated() {
            let start = first.routesStart + index * stride
            let sums = (0..<stride).map { cell in
                loops.reduce(UInt64(0)) { $0 + $1.cells[start + cell].load(ordering: .relaxed) }
            }
            metrics.routes.append(
                .init(
                    route: name,
                    statuses: zip(codes, sums).filter { $0.1 > 0 }.map { (code: $0.0, count: $0.1) },
                    buckets: Array(sums[codes.count..<codes.count + buckets]),
                    secondsSum: Double(sums[codes.count + buckets]) / 1e6))
        }
        return metrics
    }
}
