import HTTP
import JSON

/// Something a provider is told to do wrong: which calls, how often, and what.
package struct PlannedFault: Sendable {
    package let id: Int
    /// nil: any.
    let provider: String?
    let route: RouteKind?
    /// Calls to let pass first.
    var skips: Int
    /// Calls to spoil; nil: all of them.
    var times: Int?
    let change: Change

    struct Change: Sendable {
        var delay = 0.0
        var status: Int?
        var headers: [(String, String)] = []
        var body: [UInt8]?
        var contentType: String?
        var code: String?
        var message: String?
        /// The request is acted on, but the answer never comes.
        var loses = false
        /// The connection is closed before anything is done.
        var closes = false
        /// No answer; `after` the request was acted on, or before.
        var hangs: Hang?
        var cut: Int?
        var mutation: Mutation?
        var fate: SimulatedJob.Fate?

        enum Hang: String, Sendable { case before, after }
        enum Mutation: String, Sendable, CaseIterable {
            case html, empty, garbage, list, null, deep, huge, endless, truncated
            case wrongTypes = "wrong_types"
        }
    }

    /// Whether the provider never gets to see the request.
    var preempts: Bool { change.status != nil || change.closes || change.hangs == .before }

    func response(for provider: any SimulatedProvider) -> HTTPResponse {
        guard let status = change.status else { return HTTPResponse(.serviceUnavailable) }
        var response: HTTPResponse
        if let body = change.body {
            response = HTTPResponse(HTTPStatus(status), body: .bytes(body))
            response.headers.set("Content-Type", change.contentType ?? "application/json")
        } else {
            response = provider.refusal(status, change.code, change.message ?? "Told to answer \(status).")
        }
        for (name, value) in change.headers { try? response.headers.add(name, from: value) }
        return change.mutation == nil ? response : changing(response, for: provider)
    }

    func changing(_ response: HTTPResponse, for provider: any SimulatedProvider) -> HTTPResponse {
        var response = response
        if change.status == nil {
            if let body = change.body { response.body = .bytes(body) }
            if let type = change.contentType { response.headers.set("Content-Type", type) }
            for (name, value) in change.headers {
                response.headers.remove(name)
                try? response.headers.add(name, from: value)
            }
        }
        guard let mutation = change.mutation, case .bytes(let bytes) = response.body else { return response }
        switch mutation {
        case .html:
            response.headers.set("Content-Type", "text/html")
            response.body = .bytes(
                Array("<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>".utf8))
        case .empty: response.body = .bytes([])
        case .garbage: response.body = .bytes([0xff, 0xfe, 0x00, 0x7b, 0x22, 0x80] + bytes.reversed())
        case .list: response.body = .bytes(Array("[".utf8) + bytes + Array("]".utf8))
        case .null: response.body = .bytes(Array("null".utf8))
        case .deep:
            response.body = .bytes([UInt8](repeating: UInt8(ascii: "["), count: 200_000))
        case .truncated: response.body = .bytes(Array(bytes.prefix(bytes.count / 2)))
        case .wrongTypes:
            let value = try? JSONReader.value(of: bytes)
            response.body = .bytes((value.map(Self.twisted) ?? .null).bytes)
        case .huge, .endless: break
        }
        return response
    }

    /// Every text a number, every number a text, every list an object.
    private static func twisted(_ value: JSONValue) -> JSONValue {
        switch value {
        case .null: .bool(false)
        case .bool(let flag): .string(String(flag))
        case .integer(let number): .string(String(number))
        case .decimal(let number): .string(number.text)
        case .string(let text): .integer(Int64(text.utf8.count))
        case .array(let items): ["0": items.first.map(twisted) ?? .null]
        case .object(let object):
            .object(object.members.reduce(into: JSONObject()) { $0[$1.name] = twisted($1.value) })
        }
    }

    func applied(to reaction: Reaction) -> Reaction {
        var reaction = reaction
        reaction.delay += change.delay
        if change.loses || change.closes { reaction.manner = .nothing }
        if change.hangs != nil { reaction.manner = .silence }
        if let cut = change.cut { reaction.manner = .cut(cut) }
        if change.mutation == .huge { reaction.manner = .flood(5 << 30) }
        if change.mutation == .endless { reaction.manner = .flood(nil) }
        return reaction
    }
}

extension World {
    mutating func takeFault(_ provider: String, _ route: RouteKind) -> PlannedFault? {
        take {
            ($0.provider ?? provider) == provider && ($0.route ?? route) == route && $0.route != .job
                && $0.change.fate == nil
        }
    }

    mutating func takeFate(_ provider: String) -> SimulatedJob.Fate {
        take { ($0.provider ?? provider) == provider && $0.change.fate != nil }?.change.fate ?? SimulatedJob.Fate()
    }

    private mutating func take(_ fits: (PlannedFault) -> Bool) -> PlannedFault? {
        for index in faults.indices where fits(faults[index]) {
            if faults[index].skips > 0 {
                faults[index].skips -= 1
                continue
            }
            let fault = faults[index]
            if let times = faults[index].times {
                if times <= 1 { faults.remove(at: index) } else { faults[index].times = times - 1 }
            }
            return fault
        }
        return nil
    }
}
