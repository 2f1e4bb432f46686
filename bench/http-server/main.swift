// The server with the work of a status read behind it and nothing else of the gateway: a key looked up in a
// dictionary, a task looked up in another, JSON written by hand. bench/http-vs-nginx.py measures it against nginx.
import Dispatch
import Glibc
import HTTP
import HTTPServer
import JSON

struct Task {
    let id: String
    let status: String
    let progress: Int
    let created: Int64
}

struct StatusHandler: HTTPHandler {
    let keys: [String: Int]
    let tasks: [String: Task]
    let file: String
    let fileSize: Int64
    let routes = ["/v1/generation-request/{id}/status/", "/big.bin"]

    /// The id in `/v1/generation-request/{id}/status/`.
    private static func taskID(_ path: UnsafeBufferPointer<UInt8>) -> String? {
        guard path.count == 67, let start = path.baseAddress, memcmp(start, "/v1/generation-request/", 23) == 0,
            memcmp(start + 59, "/status/", 8) == 0
        else { return nil }
        return String(decoding: UnsafeBufferPointer(rebasing: path[23..<59]), as: UTF8.self)
    }

    func respond(to request: HTTPRequest, reply: Reply) -> HTTPResponse? {
        if request.target.bytes.count == 8, request.path == "/big.bin" {
            let version = FileSelection.Version(size: fileSize, etag: "\"big\"")
            var response = FileSelection(request, of: version).response(path: file, of: version)
            response.route = Route(rawValue: 1)
            return response
        }
        guard request.method == .get, let id = request.target.withPath(Self.taskID) else {
            return .text("not found\n", status: .notFound)
        }
        guard let key = request.headers["Authorization"], keys[key] != nil else {
            return .text("who are you\n", status: 401)
        }
        guard let task = tasks[id] else { return .text("no such task\n", status: .notFound) }
        var json = JSONWriter(reserving: 384)
        json.object {
            $0.member("status", task.status)
            $0.member("progress", task.progress)
            $0.member("failure_reason", nil as String?)
            $0.array("results") { _ in }
            $0.member("task_id", task.id)
            $0.member("created_at", Timestamp.rfc3339(task.created))
            $0.member("started_at", Timestamp.rfc3339(task.created + 1503))
            $0.member("finished_at", nil as String?)
            $0.member("provider", "sandbox")
            $0.member("seed", 1_234_567)
            $0.member("attempts", 1)
        }
        var response = HTTPResponse.json(json.bytes)
        response.route = Route(rawValue: 0)
        return response
    }
}

let arguments = CommandLine.arguments
guard arguments.count == 6, let address = ListenAddress(arguments[1]), let size = Int64(arguments[5]) else {
    fatalError("usage: bench-http-server ADDRESS KEY TASK FILE SIZE")
}
let task = Task(id: arguments[3], status: "IN_PROGRESS", progress: 42, created: 1_773_500_966_535)
let handler = StatusHandler(keys: [arguments[2]: 1], tasks: [task.id: task], file: arguments[4], fileSize: size)
var configuration = ServerConfiguration(address)
configuration.limits.requestsPerConnection = .max
configuration.limits.connectionsPerAddress = .max
let server = HTTPServer(configuration: configuration, handler: handler)
try server.start()

print("listening on port \(server.port() ?? 0)")
fflush(nil)
dispatchMain()
