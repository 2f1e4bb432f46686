/// A moment, in milliseconds since 1970 UTC. Integers, so that it is the same in memory and in a row.
package struct Instant: Hashable, Sendable, Comparable {
    package let milliseconds: Int64

    package init(milliseconds: Int64) { self.milliseconds = milliseconds }

    package static func < (left: Self, right: Self) -> Bool { left.milliseconds < right.milliseconds }

    package static func + (left: Self, right: Duration) -> Self {
        Self(milliseconds: left.milliseconds &+ right.wholeMilliseconds)
    }

    package static func - (left: Self, right: Duration) -> Self {
        Self(milliseconds: left.milliseconds &- right.wholeMilliseconds)
    }

    package static func - (left: Self, right: Self) -> Duration {
        .milliseconds(left.milliseconds - right.milliseconds)
    }

    package var secondsSince1970: Int64 { milliseconds / 1000 }
}

extension Duration {
    package var wholeMilliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }

    package var inSeconds: Double {
        // By one division: 2 s and 712 ms are 2.712, and not the nearest to a sum of two roundings.
        let (seconds, attoseconds) = components
        guard abs(seconds) < 9_000_000_000 else { return Double(seconds) }
        return Double(seconds * 1_000_000_000 + attoseconds / 1_000_000_000) / 1e9
    }
}

/// RFC 3339, UTC: `2026-11-21T02:05:00.123Z`, without the fraction when it is zero.
extension Instant: CustomStringConvertible {
    package var description: String {
        let days = Int64((Double(milliseconds) / 86_400_000).rounded(.down))
        let rest = milliseconds - days * 86_400_000
        let (year, month, day) = Self.civil(daysSince1970: days)
        let seconds = rest / 1000
        var text = ""
        text.reserveCapacity(24)
        func put(_ number: Int64, _ width: Int) {
            let digits = String(number)
            for _ in 0..<max(0, width - digits.utf8.count) { text += "0" }
            text += digits
        }
        put(year, 4)
        text += "-"
        put(month, 2)
        text += "-"
        put(day, 2)
        text += "T"
        put(seconds / 3600, 2)
        text += ":"
        put(seconds / 60 % 60, 2)
        text += ":"
        put(seconds % 60, 2)
        if rest % 1000 != 0 {
            text += "."
            put(rest % 1000, 3)
        }
        text += "Z"
        return text
    }

    /// Days to year, month, day in the Gregorian calendar, by the era arithmetic of Howard Hinnant's
    /// "chrono-compatible low-level date algorithms".
    private static func civil(daysSince1970 days: Int64) -> (Int64, Int64, Int64) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }

    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let marchYear = month <= 2 ? year - 1 : year
        let era = (marchYear >= 0 ? marchYear : marchYear - 399) / 400
        let yearOfEra = marchYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// Reads RFC 3339 with `Z` or an offset, with or without a fraction; nil for anything else.
    package init?(rfc3339 text: String) {
        let bytes = Array(text.utf8)
        var at = 0
        func number(_ width: Int) -> Int64? {
            guard at + width <= bytes.count else { return nil }
            var value: Int64 = 0
            for byte in bytes[at..<at + width] {
                guard byte >= 0x30, byte <= 0x39 else { return nil }
                value = value * 10 + Int64(byte - 0x30)
            }
            at += width
            return value
        }
        func skip(_ allowed: StaticString) -> Bool {
            guard at < bytes.count else { return false }
            for index in 0..<allowed.utf8CodeUnitCount where allowed.utf8Start[index] == bytes[at] {
                at += 1
                return true
            }
            return false
        }
        guard let year = number(4), skip("-"), let month = number(2), (1...12).contains(month), skip("-"),
            let day = number(2), (1...31).contains(day), skip("Tt "), let hour = number(2), hour < 24, skip(":"),
            let minute = number(2), minute < 60, skip(":"), let second = number(2), second <= 60
        else { return nil }
        var fraction: Int64 = 0
        if skip(".") {
            var scale: Int64 = 100
            let start = at
            while let digit = number(1) {
                fraction += digit * scale
                scale /= 10
            }
            guard at > start else { return nil }
        }
        var offset: Int64 = 0
        if !skip("Zz") {
            let sign: Int64
            if skip("+") { sign = 1 } else if skip("-") { sign = -1 } else { return nil }
            guard let hours = number(2), hours < 24, skip(":"), let minutes = number(2), minutes < 60 else {
                return nil
            }
            offset = sign * (hours * 60 + minutes)
        }
        guard at == bytes.count else { return nil }
        let days = Self.days(year: year, month: month, day: day)
        // A day that its month does not have would be one of the next.
        guard Self.civil(daysSince1970: days) == (year, month, day) else { return nil }
        let seconds = days * 86_400 + hour * 3600 + (minute - offset) * 60 + second
        self.init(milliseconds: seconds * 1000 + fraction)
    }
}
