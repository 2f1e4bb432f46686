import Domain
import Foundation
import HTTP
import JSON
import Providers

/// A whole exchange as text: what we send, what comes back, and what that means. The reply is a provider's own; the
/// other two are compared byte for byte, and rewritten by `RECORD=1 swift test`, so that a change shows in `git diff`.
struct Fixture {
    let name: String
    var comment = ""
    var sent = ""
    var reply = HTTPReply(.ok)
    var replyText = ""
    var meaning = ""

    static let isRecording = ProcessInfo.processInfo.environment["RECORD"] == "1"

    static func folder(_ provider: Provider) -> URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Fixtures/\(provider.id.rawValue)")
    }

    static func names(_ provider: Provider) -> [String] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder(provider).path)) ?? []
        return files.filter { $0.hasSuffix(".http") }.map { String($0.dropLast(5)) }.sorted()
    }

    init?(_ name: String, of provider: Provider) {
        let file = Self.folder(provider).appendingPathComponent(name + ".http")
        guard let text = try? String(contentsOf: file, encoding: .utf8) else { return nil }
        self.name = name
        var section = "comment"
        var parts: [String: String] = [:]
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("-- "), line.hasSuffix(" --") {
                section = String(line.dropFirst(3).dropLast(3))
            } else {
                parts[section, default: ""] += line + "\n"
            }
        }
        comment = parts["comment"] ?? ""
        sent = parts["we send"] ?? ""
        meaning = (parts["which means"] ?? "").trimmingCharacters(in: .newlines)
        let answer = (parts["it answers"] ?? "").trimmingCharacters(in: .newlines)
        replyText = answer
        let blank = answer.range(of: "\n\n")
        let head = answer[..<(blank?.lowerBound ?? answer.endIndex)].split(separator: "\n")
        guard let status = head.first.flatMap({ Int($0) }) else { return nil }
        reply.status = HTTPStatus(status)
        for line in head.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { return nil }
            reply.headers.add(String(line[..<colon]), String(line[line.index(after: colon)...].dropFirst()))
        }
        reply.body = Array((blank.map { String(answer[$0.upperBound...]) } ?? "").utf8)
    }

    /// Compares, or rewrites; returns what differs.
    func settle(sent newSent: String, meaning newMeaning: String, of provider: Provider) throws -> [String] {
        let parts = [
            comment.trimmingCharacters(in: .newlines), "-- we send --", newSent, "-- it answers --", replyText,
            "-- which means --", newMeaning,
        ]
        if Self.isRecording {
            let text = parts.filter { !$0.isEmpty }.joined(separator: "\n") + "\n"
            try text.write(
                to: Self.folder(provider).appendingPathComponent(name + ".http"), atomically: true, encoding: .utf8)
            return []
        }
        var problems: [String] = []
        if sent.trimmingCharacters(in: .newlines) != newSent {
            problems.append("\(provider.id)/\(name): we send\n\(newSent)")
        }
        if meaning != newMeaning { problems.append("\(provider.id)/\(name): which means\n\(newMeaning)") }
        return problems
    }
}

/// A request as it stands in a fixture: headers by name, the body indented and sorted.
func shown(_ request: OutgoingRequest) -> String {
    var lines = ["\(request.method) \(request.url)"]
    lines += request.headers.map { "\($0.name): \($0.value)" }.sorted()
    if case .bytes(let bytes) = request.body {
        lines.append("")
        lines.append((try? JSONReader.value(of: bytes)).map { indented($0) } ?? String(decoding: bytes, as: UTF8.self))
    }
    return lines.joined(separator: "\n")
}

func indented(_ value: JSONValue, by depth: Int = 0) -> String {
    let space = String(repeating: "  ", count: depth + 1)
    let end = String(repeating: "  ", count: depth)
    switch value {
    case .object(let object) where !object.isEmpty:
        let members = object.members.sorted { $0.name < $1.name }.map {
            "\(space)\(JSONValue.string($0.name)): \(indented($0.value, by: depth + 1))"
        }
        return "{\n" + members.joined(separator: ",\n") + "\n\(end)}"
    case .array(let items) where !items.isEmpty:
        return "[\n" + items.map { space + indented($0, by: depth + 1) }.joined(separator: ",\n") + "\n\(end)]"
    default: return value.description
    }
}

// MARK: What an answer means, in a line or a few

func shown(_ answer: SubmitAnswer) -> String {
    switch answer {
    case .accepted(let handle, let position):
        let lines = ["accepted \(handle.id)" + (position.map { ", \($0) before it" } ?? "")]
        return (lines + handle.addresses.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" })
            .joined(separator: "\n")
    case .done(let handle, let result): return "done at once \(handle.id)\n" + shown(result)
    case .refused(let fault): return "refused\n" + shown(fault)
    case .unknown(let fault): return "nobody knows\n" + shown(fault)
    }
}

func shown(_ answer: LookAnswer) -> String {
    switch answer {
    case .waiting(let position, let status): "waiting (\(status))" + (position.map { ", \($0) before it" } ?? "")
    case .running(let percent, let status): "running (\(status))" + (percent.map { ", \($0) %" } ?? "")
    case .fetch(let request): "fetch\n" + shown(request)
    case .done(let result): "done\n" + shown(result)
    case .failed(let fault): "failed\n" + shown(fault)
    case .noNews(let fault): "no news\n" + shown(fault)
    case .gone(let fault): "gone\n" + shown(fault)
    }
}

func shown(_ fault: Fault) -> String {
    var lines = ["fault: \(fault.kind.word)"]
    if let parameter = fault.parameter { lines.append("parameter: \(parameter.rawValue)") }
    if let wait = fault.retryAfter { lines.append("retry after: \(wait)") }
    if let status = fault.status { lines.append("status: \(status)") }
    lines.append("message: \(fault.message)")
    return lines.joined(separator: "\n")
}

func shown(_ result: UpstreamResult) -> String {
    var lines: [String] = []
    switch result.model {
    case .url(let url): lines.append("model: \(url)")
    case .bytes(let bytes): lines.append("model: \(bytes.count) bytes")
    }
    if let url = result.thumbnailURL { lines.append("thumbnail: \(url)") }
    if let cost = result.costMicrodollars { lines.append("cost: \(cost) microdollars") }
    if let seed = result.seed { lines.append("seed: \(seed)") }
    lines += result.notes.map { "note: \($0.parameter): \($0.reason)" }
    return lines.joined(separator: "\n")
}
