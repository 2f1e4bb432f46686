// Hello, world, on the two targets HTTP and HTTPServer alone. Run it: swift run hello 127.0.0.1:8080
import Dispatch
import Glibc
import HTTP
import HTTPServer

struct Hello: HTTPHandler {
    func respond(to request: HTTPRequest, reply: Reply) -> HTTPResponse? {
        .text("Hello from \(request.path)\n")
    }
}

guard let address = ListenAddress(CommandLine.arguments.dropFirst().first ?? "127.0.0.1:8080") else {
    fatalError("usage: hello [ADDRESS:PORT]")
}
let server = HTTPServer(configuration: ServerConfiguration(address), handler: Hello())
try server.start()
print("listening on port \(server.port() ?? 0)")
fflush(nil)
dispatchMain()
