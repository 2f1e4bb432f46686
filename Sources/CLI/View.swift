import Domain
import Gateway
import JSON

/// Prints answers: JSON for programs, tables for people.
struct View {
    private let wantsJSON: Bool
    private let columns: [String]
    /// The longest row of a table, and the longest list on one line.
    private static let (widest, line) = (240, 60)

    init(_ invocation: Invocation, columns: [String] = []) {
        wantsJSON = invocation.wantsJSON
        self.columns = columns
    }

    func show(_ answer: Answer) throws(Failure) {
        if wantsJSON {
            return Terminal.print(answer.body.isEmpty ? "{}" : String(decoding: answer.body, as: UTF8.self))
        }
        if answer.body.isEmpty, answer.isGood { return Terminal.print("done") }
        guard answer.isGood || answer.value["error"] == nil else { return }
        for line in lines(Self.forPeople(answer.value)) { Terminal.print(line) }
    }

    /// Money in dollars, and nothing that the terminal would obey.
    private static func forPeople(_ value: JSONValue) -> JSONValue {
        switch value {
        case .string(let text): return .string(text.visible)
        case .array(let items): return .array(items.map(forPeople))
        case .object(let object):
            var shown = JSONObject()
            for member in object.members {
                if member.name.hasSuffix("_microdollars") {
                    let name = member.name.dropLast("microdollars".count) + "dollars"
                    shown[String(name)] = member.value.integer.map { .string(dollars($0)) } ?? member.value
                } else {
                    shown[member.name] = forPeople(member.value)
                }
            }
            return .object(shown)
        default: return value
        }
    }

    /// Millionths of a dollar as dollars, with cents at least.
    private static func dollars(_ microdollars: Int64) -> String {
        let digits = String(microdollars.magnitude % 1_000_000)
        var fraction = String(repeating: "0", count: 6 - digits.count) + digits
        while fraction.count > 2, fraction.last == "0" { fraction.removeLast() }
        return (microdollars < 0 ? "-" : "") + "\(microdollars.magnitude / 1_000_000).\(fraction)"
    }

    /// A list becomes a table; an object its members, one a line, and its lists as tables below them.
    private func lines(_ value: JSONValue) -> [String] {
        switch value {
        case .array(let rows): return table(rows)
        case .object(let object):
            var lines: [String] = []
            var below: [String] = []
            let width = object.names.map(\.count).max() ?? 0
            for member in object.members {
                switch member.value {
                case .array(let rows) where rows.isEmpty && object.members.contains(where: \.value.isTelling):
                    continue
                case .array(let rows) where rows.contains { $0.object != nil } || rows.isEmpty:
                    below += object.count == 1 || isPage(object) ? table(rows) : ["", member.name + ":"] + table(rows)
                case .array(let rows) where Self.cell(member.value).count > Self.line && rows.count > 1:
                    below += ["", member.name + ":"] + rows.map { "  " + Self.cell($0) }
                case .object(let inner):
                    below += ["", member.name + ":"] + self.lines(.object(inner)).map { "  " + $0 }
                case .null where isPage(object): continue
                default: lines.append(member.name.padded(to: width) + "  " + Self.cell(member.value))
                }
            }
            return lines + below
        default: return [Self.cell(value)]
        }
    }

    /// One page of a list: its rows, and where the next one begins.
    private func isPage(_ object: JSONObject) -> Bool {
        object.count <= 3 && object.members.filter { !$0.value.isScalar }.count == 1
            && object.members.contains { $0.value.array != nil }
    }

    private func table(_ rows: [JSONValue]) -> [String] {
        guard !rows.isEmpty else { return ["none"] }
        let objects = rows.compactMap(\.object)
        guard objects.count == rows.count else { return rows.map(Self.cell) }
        var names = columns.filter { name in objects.contains { $0[name] != nil } }
        if names.isEmpty {
            for object in objects {
                for member in object.members where !names.contains(member.name) && member.value.isScalar {
                    names.append(member.name)
                }
            }
        }
        let cells = objects.map { object in names.map { Self.cell(object[$0] ?? .null) } }
        let widths = names.indices.map { column in max(names[column].count, cells.map { $0[column].count }.max() ?? 0) }
        // Wider than any screen: a row is easier read downwards.
        if widths.reduce(2 * names.count, +) > Self.widest {
            let width = names.map(\.count).max() ?? 0
            return cells.flatMap { row in
                [""] + zip(names, row).filter { $1 != "-" }.map { $0.padded(to: width) + "  " + $1 }
            }
        }
        return ([names.map { $0.uppercased() }] + cells).map { row in
            let line = zip(row, widths).map { $0.padded(to: $1) }.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }

    private static func cell(_ value: JSONValue) -> String {
        switch value {
        case .null: "-"
        case .string(let text): text
        case .bool(let flag): flag ? "yes" : "no"
        case .array(let items) where items.allSatisfy(\.isScalar): items.map(cell).joined(separator: ", ")
        default: value.description
        }
    }
}

extension JSONValue {
    fileprivate var isScalar: Bool { array == nil && object == nil }
    fileprivate var isTelling: Bool { isScalar && !isNull }
}

extension String {
    func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
}
