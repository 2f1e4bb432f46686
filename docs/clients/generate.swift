// Makes a model from a picture: swift generate.swift picture.png model.glb
// Reads GATEWAY and API_KEY from the environment. Needs nothing but Swift.
import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

struct Submitted: Decodable { let task_id: String }
struct Status: Decodable {
    struct Result: Decodable { let asset: URL }
    let status: String
    let failure_reason: String?
    let results: [Result]
}
struct Refused: Error, Decodable { let detail: String }

let environment = ProcessInfo.processInfo.environment
let gateway = environment["GATEWAY"] ?? "http://127.0.0.1:8080"

func ask<Answer: Decodable>(_ method: String, _ path: String, body: Data? = nil) async throws -> Answer {
    var request = URLRequest(url: URL(string: gateway + path)!)
    request.httpMethod = method
    request.httpBody = body
    request.setValue("Bearer \(environment["API_KEY"] ?? "")", forHTTPHeaderField: "Authorization")
    request.setValue("application/json", forHTTPHeaderField: "Content-Type")
    request.setValue(UUID().uuidString, forHTTPHeaderField: "Idempotency-Key")
    let (data, response) = try await URLSession.shared.data(for: request)
    guard (response as? HTTPURLResponse)?.statusCode == 200 else { throw try JSONDecoder().decode(Refused.self, from: data) }
    return try JSONDecoder().decode(Answer.self, from: data)
}

let picture = try Data(contentsOf: URL(fileURLWithPath: CommandLine.arguments[1]))
let body = try JSONEncoder().encode(["image": picture.base64EncodedString()])
let submitted: Submitted = try await ask("POST", "/v1/3d-models/trellis2/generate/", body: body)
var status: Status
repeat {
    status = try await ask("GET", "/v1/generation-request/\(submitted.task_id)/status/?wait=20")
} while status.status != "FINISHED" && status.status != "FAILED"
guard let asset = status.results.first?.asset else { fatalError(status.failure_reason ?? "no result") }
let (model, _) = try await URLSession.shared.data(from: asset)
try model.write(to: URL(fileURLWithPath: CommandLine.arguments[2]))
print("\(CommandLine.arguments[2]): \(model.count) bytes")
