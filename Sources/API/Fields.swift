import Domain
import JSON

/// The members of a body as they are read, and everything found wrong with them: all faults at once, each with
/// what was given and what is allowed.
struct Fields {
    /// In a list: bodies have few members, and walking past those costs less than hashing each name that may be there.
    private var members: [(name: String, value: JSONSlice)] = []
    private(set) var faults: [FieldFault] = []

    init(_ body: [UInt8], limits: JSONLimits = .strict) throws(Refusal) {
        do throws(JSONError) {
            for member in try JSONReader.members(of: body, limits: limits) where member.value.kind != .null {
                // Clients send null for what they do not set: null is absent.
                members.append((member.name, member.value))
            }
        } catch {
            // Editors of one operating system put it there, and nobody sees it.
            throw body.starts(with: [0xEF, 0xBB, 0xBF]) ? .byteOrderMark : .badJSON(error)
        }
    }

    var names: [String] { members.map(\.name).sorted() }

    func has(_ name: String) -> Bool { slice(name) != nil }

    func slice(_ name: String) -> JSONSlice? { members.first { $0.name == name }?.value }

    mutating func drop(_ name: String) { members.removeAll { $0.name == name } }

    mutating func fault(_ fault: FieldFault) { faults.append(fault) }

    /// Throws all faults, if there are any.
    func check() throws(Refusal) {
        guard faults.isEmpty else { throw .invalid(faults) }
    }

    mutating func value(_ name: String) -> JSONValue? {
        guard let slice = slice(name) else { return nil }
        do throws(JSONError) {
            return try slice.value()
        } catch {
            faults.append(FieldFault(name, "\(name) cannot be read: \(error)."))
            return nil
        }
    }

    // MARK: By type

    mutating func flag(_ name: String) -> Bool? {
        guard let value = value(name) else { return nil }
        guard let flag = value.bool else {
            return wrong(name, value, wants: "must be true or false", allowed: [true, false])
        }
        return flag
    }

    mutating func word<W: RawRepresentable & CaseIterable>(_ name: String, _ type: W.Type) -> W?
    where W.RawValue == String {
        let words = W.allCases.map(\.rawValue)
        return word(name, of: words).flatMap(W.init)
    }

    mutating func word(_ name: String, of words: [String]) -> String? {
        guard let value = value(name) else { return nil }
        guard let text = value.string, words.contains(text) else {
            let list = words.map { "\"\($0)\"" }.joined(separator: ", ")
            return wrong(name, value, wants: "must be one of \(list)", allowed: .array(words.map(JSONValue.string)))
        }
        return text
    }

    mutating func text(_ name: String, lengths: ClosedRange<Int>) -> String? {
        guard let value = value(name) else { return nil }
        guard let text = value.string else { return wrong(name, value, wants: "must be a string") }
        guard lengths.contains(text.unicodeScalars.count) else {
            let wants = "must be \(lengths.lowerBound) to \(lengths.upperBound) characters long"
            return wrong(name, value, wants: wants, got: "\(text.unicodeScalars.count)")
        }
        return text
    }

    /// The same for what people tell things apart by: nothing in it that a terminal or a page obeys and does not show.
    mutating func name(_ name: String, lengths: ClosedRange<Int>) -> String? {
        guard let text = text(name, lengths: lengths) else { return nil }
        guard !text.unicodeScalars.contains(where: \.isObeyed) else {
            let wants = "must have no line breaks and no other control characters"
            return wrong(name, .string(text), wants: wants, got: "\"\(text.visible)\"")
        }
        return text
    }

    /// The same counted in UTF-8, for what is kept in a row.
    mutating func text(_ name: String, bytes: ClosedRange<Int>) -> String? {
        guard let value = value(name) else { return nil }
        guard let text = value.string else { return wrong(name, value, wants: "must be a string") }
        guard bytes.contains(text.utf8.count) else {
            let wants = "must be \(bytes.lowerBound) to \(bytes.upperBound) bytes of UTF-8 long"
            return wrong(name, value, wants: wants, got: "\(text.utf8.count)")
        }
        return text
    }

    mutating func integer(_ name: String, _ range: ClosedRange<Int64>) -> Int64? {
        guard let value = value(name) else { return nil }
        let wants = "must be a whole number from \(range.lowerBound) to \(range.upperBound)"
        let allowed: JSONValue = ["minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound)]
        guard let number = Self.whole(value), range.contains(number) else {
            return wrong(name, value, wants: wants, allowed: allowed)
        }
        return number
    }

    mutating func number(_ name: String, _ range: ClosedRange<Double>) -> Double? {
        guard let value = value(name) else { return nil }
        let (low, high) = (Self.plain(range.lowerBound), Self.plain(range.upperBound))
        guard let number = value.double, range.contains(number) else {
            return wrong(
                name, value, wants: "must be a number from \(low) to \(high)",
                allowed: ["minimum": Self.json(range.lowerBound), "maximum": Self.json(range.upperBound)])
        }
        return number
    }

    /// One of a few whole numbers; the same in quotes is taken too, for providers' clients differ.
    mutating func choice(_ name: String, _ choices: [Int64]) -> Int64? {
        guard let value = value(name) else { return nil }
        let number = Self.whole(value) ?? value.string.flatMap { text in choices.first { String($0) == text } }
        guard let number, choices.contains(number) else {
            let list = choices.map { String($0) }.joined(separator: ", ")
            return wrong(name, value, wants: "must be one of \(list)", allowed: .array(choices.map(JSONValue.integer)))
        }
        return number
    }

    mutating func moment(_ name: String) -> Instant? {
        guard let value = value(name) else { return nil }
        guard let moment = value.string.flatMap({ Instant(rfc3339: $0) }) else {
            return wrong(name, value, wants: "must be a time such as 2026-03-14T15:09:26Z")
        }
        return moment
    }

    // MARK: Inside

    private mutating func wrong<V>(
        _ name: String, _ value: JSONValue, wants: String, allowed: JSONValue? = nil, got: String? = nil
    ) -> V? {
        let given = got ?? FieldFault.shown(value)
        faults.append(FieldFault(name, "\(name) \(wants); got \(given).", value: value, allowed: allowed))
        return nil
    }

    /// A whole number however it is written: JSON has one kind of number, so `12.0` is 12.
    static func whole(_ value: JSONValue) -> Int64? {
        if let integer = value.integer { return integer }
        guard case .decimal = value, let number = value.double, abs(number) <= 9_007_199_254_740_992 else { return nil }
        return Int64(exactly: number)
    }

    private static func plain(_ number: Double) -> String { ParameterValue.number(number).description }

    private static func json(_ number: Double) -> JSONValue {
        Int64(exactly: number).map(JSONValue.integer) ?? .decimal(JSONDecimal(number))
    }
}
