// Our client doing what bench/peers/curl-multi.c does: some calls held, some active, all on one thread.
//   bench-http-client PORT HELD ACTIVE TOTAL callback|async    prints one line of JSON
import Glibc
import HTTP
import HTTPClient
import Synchronization

func fail(_ why: String) -> Never {
    let line = why + "\n"
    write(2, line, line.utf8.count)
    exit(1)
}

func now(_ clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

func words(of path: String) -> [Substring] {
    guard let file = fopen(path, "r") else { return [] }
    defer { fclose(file) }
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = fread(&buffer, 1, buffer.count, file)
    return String(decoding: buffer[..<count], as: UTF8.self).split { $0 == " " || $0 == "\n" || $0 == "\t" }
}

func residentKilobytes() -> Double { Double(words(of: "/proc/self/statm")[1]).map { $0 * 4 } ?? 0 }

func threadCount() -> Int {
    let status = words(of: "/proc/self/status")
    return status.firstIndex(of: "Threads:").flatMap { Int(status[$0 + 1]) } ?? 0
}

guard CommandLine.arguments.count == 6, let held = Int(CommandLine.arguments[2]),
    let active = Int(CommandLine.arguments[3]), let total = Int(CommandLine.arguments[4])
else { fail("usage: bench-http-client PORT HELD ACTIVE TOTAL callback|async") }
let isAsync = CommandLine.arguments[5] == "async"
let base = "http://127.0.0.1:\(CommandLine.arguments[1])"
guard let loopback = AddressRange("127.0.0.0/8") else { fail("no range") }
let policy = {
    var policy = CallPolicy(egress: EgressPolicy(allowed: [loopback], allowsPlainHTTP: true))
    policy.totalTimeout = .seconds(600)
    return policy
}()

/// `active` chains of calls, each starting the next when it ends, until `total` are answered.
final class Chains: Sendable {
    private let client: HTTPClient
    private let policy: CallPolicy
    private let request: OutgoingRequest
    private let left: Atomic<Int>
    private let unanswered: Atomic<Int>
    private let done: CheckedContinuation<Void, Never>

    init(_ client: HTTPClient, _ policy: CallPolicy, _ url: String, total: Int, done: CheckedContinuation<Void, Never>)
    {
        self.client = client
        self.policy = policy
        self.done = done
        request = OutgoingRequest(.get, url)
        left = Atomic(total)
        unanswered = Atomic(total)
    }

    func next() {
        guard left.subtract(1, ordering: .relaxed).newValue >= 0 else { return }
        client.start(request, policy: policy) { outcome in
            guard case .success = outcome else { fail("\(outcome)") }
            if self.unanswered.subtract(1, ordering: .relaxed).newValue == 0 { self.done.resume() }
            self.next()
        }
    }
}

func run(_ client: HTTPClient, _ total: Int) async {
    let policy = policy
    let url = base + "/fast"
    if !isAsync {
        await withCheckedContinuation { done in
            let chains = Chains(client, policy, url, total: total, done: done)
            for _ in 0..<active { chains.next() }
        }
        return
    }
    await withTaskGroup(of: Void.self) { group in
        for _ in 0..<active {
            group.addTask {
                for _ in 0..<total / active {
                    let outcome = await client.send(OutgoingRequest(.get, url), policy: policy)
                    guard case .success = outcome else { fail("\(outcome)") }
                }
            }
        }
    }
}

let client = try HTTPClient()
await run(client, 1000)
let before = residentKilobytes()
let threadsBefore = threadCount()
for _ in 0..<held {
    client.start(OutgoingRequest(.get, base + "/hold"), policy: policy) { fail("a held call ended: \($0)") }
}
await run(client, 2000)
let after = residentKilobytes()
var cpu = now(CLOCK_PROCESS_CPUTIME_ID)
var wall = now(CLOCK_MONOTONIC)
await run(client, total)
cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu
wall = now(CLOCK_MONOTONIC) - wall
let threads = threadCount() - threadsBefore
var idle = now(CLOCK_PROCESS_CPUTIME_ID)
sleep(1)
idle = now(CLOCK_PROCESS_CPUTIME_ID) - idle
print(
    "{\"cpu_us\": \(cpu / Double(total) * 1e6), \"per_second\": \(Double(total) / wall), "
        + "\"kb_each\": \(held > 0 ? (after - before) / Double(held) : 0), \"idle_percent\": \(idle * 100), "
        + "\"more_threads\": \(threads)}")
exit(0)
