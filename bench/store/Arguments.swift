import Store

struct Arguments {
    var subject = "all"
    var rounds = 5
    var seconds = 2.0
    var sizes = [1000, 100_000, 1_000_000]
    var directory = "/tmp"
    /// A data directory to use as it is, and how safely.
    var data = ""
    var synchronous = StoreOptions.Synchronous.full

    init(_ words: ArraySlice<String>) {
        var rest = words
        while let word = rest.popFirst() {
            switch word {
            case "--rounds": rounds = rest.popFirst().flatMap { Int($0) } ?? rounds
            case "--seconds": seconds = rest.popFirst().flatMap { Double($0) } ?? seconds
            case "--sizes":
                sizes = rest.popFirst()?.split(separator: ",").compactMap { Int($0) } ?? sizes
            case "--directory": directory = rest.popFirst() ?? directory
            case "--data": data = rest.popFirst() ?? data
            case "--synchronous":
                synchronous = rest.popFirst().flatMap { StoreOptions.Synchronous(rawValue: $0) } ?? synchronous
            default: subject = word
            }
        }
    }
}

/// What a series of measurements comes to.
enum Series {
    static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        return sorted.isEmpty ? .nan : sorted[sorted.count / 2]
    }

    static func percentile(_ share: Double, of values: [Double]) -> Double {
        let sorted = values.sorted()
        return sorted.isEmpty ? .nan : sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }

    /// Right-aligned, with so many decimals.
    static func text(_ value: Double, _ decimals: Int = 0, width: Int = 9) -> String {
        guard value.isFinite else { return "-" }
        var scale = 1.0
        for _ in 0..<decimals { scale *= 10 }
        let scaled = Int((value * scale).rounded())
        var text = String(scaled / Int(scale))
        if decimals > 0 {
            let fraction = String(abs(scaled % Int(scale)))
            text += "." + String(repeating: "0", count: decimals - fraction.count) + fraction
        }
        return String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
