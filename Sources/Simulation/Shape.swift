import JSON

/// What a field of a request must look like. Written down apart from the gateway's own tables, from the providers'
/// pages: a mistake in one of the two shows.
indirect enum Shape: Sendable {
    case integer(ClosedRange<Int64>)
    case number(ClosedRange<Double>)
    case integerChoice([Int64])
    case textChoice([String])
    case either(Shape, Shape)
    case flag
    case text
    case uuid
    case address
    case picture(Set<PictureForm>)
    case list(Shape)
    case object([String: Shape], required: [String])

    enum PictureForm: Sendable, Hashable { case address, dataURI, base64, uuid }
}

/// One thing wrong with a request.
struct Violation: Sendable, Hashable {
    enum Kind: Sendable, Hashable { case unknown, missing, type, value }

    let path: [String]
    let kind: Kind
    let message: String

    var field: String { path.joined(separator: ".") }
}

extension Shape {
    func violations(in value: JSONValue, at path: [String] = []) -> [Violation] {
        func wrong(_ kind: Violation.Kind, _ message: String) -> [Violation] {
            [Violation(path: path, kind: kind, message: message)]
        }
        switch self {
        case .integer(let range):
            guard let number = value.integer else { return wrong(.type, "Input should be a valid integer") }
            return range.contains(number)
                ? [] : wrong(.value, "Input should be from \(range.lowerBound) to \(range.upperBound)")
        case .number(let range):
            guard let number = value.double else { return wrong(.type, "Input should be a valid number") }
            return range.contains(number)
                ? [] : wrong(.value, "Input should be from \(range.lowerBound) to \(range.upperBound)")
        case .integerChoice(let choices):
            guard let number = value.integer else { return wrong(.type, "Input should be a valid integer") }
            return choices.contains(number) ? [] : wrong(.value, "Input should be one of \(choices)")
        case .textChoice(let choices):
            guard let text = value.string else { return wrong(.type, "Input should be a valid string") }
            return choices.contains(text) ? [] : wrong(.value, "Input should be one of \(choices)")
        case .either(let one, let other):
            let first = one.violations(in: value, at: path)
            return first.isEmpty || other.violations(in: value, at: path).isEmpty ? [] : first
        case .flag: return value.bool == nil ? wrong(.type, "Input should be a valid boolean") : []
        case .text: return value.string == nil ? wrong(.type, "Input should be a valid string") : []
        case .uuid:
            guard let text = value.string else { return wrong(.type, "Input should be a valid string") }
            return isUUID(text) ? [] : wrong(.value, "Input should be a UUID v4")
        case .address:
            guard let text = value.string else { return wrong(.type, "Input should be a valid string") }
            return isAddress(text) ? [] : wrong(.value, "Input should be a valid URL")
        case .picture(let forms): return pictureViolations(value, forms, at: path)
        case .list(let item):
            guard let items = value.array else { return wrong(.type, "Input should be a valid array") }
            return items.enumerated().flatMap { item.violations(in: $1, at: path + [String($0)]) }
        case .object(let fields, let required):
            guard let object = value.object else { return wrong(.type, "Input should be a valid object") }
            var found = object.members.flatMap { member -> [Violation] in
                let place = path + [member.name]
                guard let shape = fields[member.name] else {
                    return [Violation(path: place, kind: .unknown, message: "Extra inputs are not permitted")]
                }
                return shape.violations(in: member.value, at: place)
            }
            for name in required where object[name] == nil {
                found.append(Violation(path: path + [name], kind: .missing, message: "Field required"))
            }
            return found
        }
    }

    private func pictureViolations(
        _ value: JSONValue, _ forms: Set<PictureForm>, at path: [String]
    ) -> [Violation] {
        guard let text = value.string else {
            return [Violation(path: path, kind: .type, message: "Input should be a valid string")]
        }
        if isAddress(text), forms.contains(.address) { return [] }
        if isUUID(text), forms.contains(.uuid) { return [] }
        if text.hasPrefix("data:"), forms.contains(.dataURI), isPictureURI(text) { return [] }
        if forms.contains(.base64), isPicture(text[...]) { return [] }
        return [Violation(path: path, kind: .value, message: "Input should be a picture")]
    }
}

func isAddress(_ text: String) -> Bool {
    text.utf8.count <= 8192 && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f }
        && (text.hasPrefix("http://") || text.hasPrefix("https://")) && text.utf8.count > 8
}

func isUUID(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard bytes.count == 36, bytes[14] == UInt8(ascii: "4"), "89abAB".utf8.contains(bytes[19]) else { return false }
    return bytes.enumerated().allSatisfy { index, byte in
        [8, 13, 18, 23].contains(index) ? byte == UInt8(ascii: "-") : "0123456789abcdefABCDEF".utf8.contains(byte)
    }
}

private func isPictureURI(_ text: String) -> Bool {
    guard let comma = text.prefix(64).firstIndex(of: ",") else { return false }
    let head = text[..<comma]
    guard ["data:image/png;base64", "data:image/jpeg;base64", "data:image/webp;base64"].contains(head) else {
        return false
    }
    return isPicture(text[text.index(after: comma)...])
}

/// Base64 of something that begins like a PNG, a JPEG or a WebP.
private func isPicture(_ text: Substring) -> Bool {
    guard let head = Base64.decode(text.utf8.prefix(16)) else { return false }
    return head.starts(with: [0x89, 0x50, 0x4E, 0x47]) || head.starts(with: [0xFF, 0xD8, 0xFF])
        || head.starts(with: "RIFF".utf8)
}
