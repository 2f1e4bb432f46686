/// Text for Prometheus (exposition format 0.0.4): families with their help, samples with their labels.
struct Exposition {
    enum Kind: String { case counter, gauge, histogram }

    private(set) var bytes: [UInt8] = []
    private var family = ""

    init() { bytes.reserveCapacity(32 << 10) }

    /// Begins a family; the samples that follow are its.
    mutating func family(_ name: String, _ kind: Kind, _ help: String) {
        family = name
        put("# HELP \(name) \(Self.escaped(help, quotes: false))\n# TYPE \(name) \(kind.rawValue)\n")
    }

    mutating func sample(_ value: some BinaryInteger, _ labels: KeyValuePairs<String, String> = [:]) {
        sample(family, String(value), labels.map { ($0.key, $0.value) })
    }

    mutating func sample(_ value: Double, _ labels: KeyValuePairs<String, String> = [:]) {
        sample(family, value.plain, labels.map { ($0.key, $0.value) })
    }

    /// A family of one sample.
    mutating func single(_ name: String, _ kind: Kind, _ help: String, _ value: some BinaryInteger) {
        family(name, kind, help)
        sample(value)
    }

    mutating func single(_ name: String, _ kind: Kind, _ help: String, _ value: Double) {
        family(name, kind, help)
        sample(value)
    }

    /// `counts` are those of each bucket alone, the last for what is above every bound.
    mutating func histogram(
        bounds: [Double], counts: [UInt64], sum: Double, _ labels: KeyValuePairs<String, String> = [:]
    ) {
        let labels = labels.map { ($0.key, $0.value) }
        var total: UInt64 = 0
        for (bound, count) in zip(bounds, counts) {
            total += count
            sample(family + "_bucket", String(total), labels + [("le", bound.plain)])
        }
        total += counts.count > bounds.count ? counts[bounds.count] : 0
        sample(family + "_bucket", String(total), labels + [("le", "+Inf")])
        sample(family + "_sum", sum.plain, labels)
        sample(family + "_count", String(total), labels)
    }

    private mutating func sample(_ name: String, _ value: String, _ labels: [(String, String)]) {
        put(name)
        if !labels.isEmpty {
            put("{" + labels.map { "\($0.0)=\"\(Self.escaped($0.1, quotes: true))\"" }.joined(separator: ",") + "}")
        }
        put(" \(value)\n")
    }

    private mutating func put(_ text: String) { bytes += text.utf8 }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        let bytes = text.utf8.flatMap { byte -> [UInt8] in
            switch byte {
            case UInt8(ascii: "\\"): Array("\\\\".utf8)
            case 0x0A: Array("\\n".utf8)
            case UInt8(ascii: "\"") where quotes: Array("\\\"".utf8)
            default: [byte]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
