// Sends requests at a fixed rate over keep-alive connections and prints latency percentiles. Latency counts from the
// moment a request was due, not from when it could be sent, so a stall shows in every request that it delayed.
//
//     bench-http-pace URL AUTHORIZATION RATE CONNECTIONS SECONDS
import Glibc
import HTTP

func fail(_ message: String) -> Never {
    let line = Array((message + "\n").utf8)
    write(2, line, line.count)
    exit(1)
}

func nanoseconds() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
}

let arguments = CommandLine.arguments
guard arguments.count == 6, let rate = Int(arguments[3]), let connections = Int(arguments[4]),
    let seconds = Int(arguments[5]), arguments[1].hasPrefix("http://")
else { fail("usage: bench-http-pace http://ADDRESS:PORT/PATH AUTHORIZATION RATE CONNECTIONS SECONDS") }
let rest = arguments[1].dropFirst(7)
let slash = rest.firstIndex(of: "/") ?? rest.endIndex
guard let address = NetworkAddress(String(rest[..<slash])), address.isV4 else {
    fail("the host must be an IPv4 address")
}
let request = Array(
    "GET \(rest[slash...]) HTTP/1.1\r\nHost: \(rest[..<slash])\r\nAuthorization: \(arguments[2])\r\n\r\n".utf8)

var sockets: [pollfd] = []
for _ in 0..<connections {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_port = address.port.bigEndian
    name.sin_addr.s_addr = UInt32(truncatingIfNeeded: address.low).bigEndian
    let isConnected = withUnsafePointer(to: &name) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
    }
    guard isConnected else { fail("cannot connect: \(String(cString: strerror(errno)))") }
    var one: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
    sockets.append(pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0))
}

let interval = 1_000_000_000 / rate
let total = rate * seconds
var free = Array(0..<connections)
var due = [Int](repeating: 0, count: connections)
var latencies: [Int] = []
latencies.reserveCapacity(total)
var buffer = [UInt8](repeating: 0, count: 65_536)
let start = nanoseconds() + 1_000_000
var sent = 0
while latencies.count < total {
    let now = nanoseconds()
    while sent < total, start + sent * interval <= now, let index = free.popLast() {
        due[index] = start + sent * interval
        sent += 1
        guard send(sockets[index].fd, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
            fail("the server has closed a connection")
        }
    }
    // A sleep would cost more than it waits for at this rate, so the wait is a spin over poll.
    guard poll(&sockets, nfds_t(connections), 0) > 0 else { continue }
    for index in 0..<connections where sockets[index].revents != 0 {
        let count = recv(sockets[index].fd, &buffer, buffer.count, 0)
        guard count > 12, buffer[9] == UInt8(ascii: "2") else { fail("not a 2xx answer") }
        latencies.append(nanoseconds() - due[index])
        free.append(index)
    }
}
latencies.sort()
let percentile = { (share: Double) in
    String(Double(latencies[min(total - 1, Int(Double(total) * share))] / 1000) / 1000) + " ms"
}
print(
    "p50 \(percentile(0.5))  p90 \(percentile(0.9))  p99 \(percentile(0.99))  p99.9 \(percentile(0.999))  max \(percentile(1))"
)
