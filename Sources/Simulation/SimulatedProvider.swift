import HTTP
import JSON

/// One upstream's wire protocol, as strict as it is known to be.
protocol SimulatedProvider: Sendable {
    var id: String { get }
    /// Other names that may stand in front of its paths.
    var aliases: [Substring] { get }
    /// What a request is for; nil when it is nothing of this provider's.
    func route(_ call: Call) -> RouteKind?
    func needsKey(_ route: RouteKind) -> Bool
    /// The key a request shows, if it is shown the right way.
    func key(in request: HTTPRequest) -> String?
    func respond(_ call: Call, _ world: inout World) -> HTTPResponse
    /// An error in its own shape.
    func refusal(_ status: Int, _ code: String?, _ message: String) -> HTTPResponse
    /// Its news of a job that came to its end, for whoever asked to be called.
    func announcements(of job: SimulatedJob, _ world: World, now: Int64) -> [JSONValue]
}

extension SimulatedProvider {
    var aliases: [Substring] { [] }
    func needsKey(_ route: RouteKind) -> Bool { route != .keys }
    func announcements(of job: SimulatedJob, _ world: World, now: Int64) -> [JSONValue] { [] }

    /// `Authorization: Bearer K`, and no other scheme.
    func bearer(_ request: HTTPRequest) -> String? { credential(request, "Authorization", prefix: "Bearer ") }

    func credential(_ request: HTTPRequest, _ header: String, prefix: String) -> String? {
        let values = request.headers.all(header)
        guard values.count == 1, values[0].hasPrefix(prefix) else { return nil }
        let key = String(values[0].dropFirst(prefix.count))
        return key.isEmpty || key.contains(" ") ? nil : key
    }

    /// The body as JSON, if it says that it is.
    func body(_ call: Call) -> Result<JSONValue, BodyFault> {
        let type = call.request.headers["Content-Type"]?.lowercased() ?? ""
        guard type == "application/json" || type.hasPrefix("application/json;") else { return .failure(.mediaType) }
        do throws(JSONError) { return .success(try JSONReader.value(of: call.request.body)) } catch {
            return .failure(.json(error.description))
        }
    }
}

enum BodyFault: Error, Sendable {
    case mediaType
    case json(String)

    var status: Int {
        switch self {
        case .mediaType: 415
        case .json: 400
        }
    }

    var message: String {
        switch self {
        case .mediaType: "Unsupported media type: send application/json."
        case .json(let why): "JSON parse error: \(why)"
        }
    }
}
