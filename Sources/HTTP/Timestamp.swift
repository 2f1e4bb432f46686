/// A point in time as the wire spells it, and back; in milliseconds since 1970 UTC, without a calendar library.
package enum Timestamp {
    /// RFC 3339 in UTC: `2026-03-14T15:09:26Z`, with `.535` before the `Z` when there are milliseconds.
    package static func rfc3339(_ milliseconds: Int64) -> String {
        String(unsafeUninitializedCapacity: 24) { output in
            let (day, rest) = milliseconds.quotientAndRemainder(flooring: 86_400_000)
            let date = CivilDate(day: day)
            output.put(date.year / 100, at: 0)
            output.put(date.year % 100, at: 2)
            output[4] = UInt8(ascii: "-")
            output.put(date.month, at: 5)
            output[7] = UInt8(ascii: "-")
            output.put(date.day, at: 8)
            output[10] = UInt8(ascii: "T")
            output.put(clock: Int(rest / 1000), at: 11)
            let fraction = Int(rest % 1000)
            guard fraction > 0 else {
                output[19] = UInt8(ascii: "Z")
                return 20
            }
            output[19] = UInt8(ascii: ".")
            output[20] = UInt8(ascii: "0") + UInt8(fraction / 100)
            output.put(fraction % 100, at: 21)
            output[23] = UInt8(ascii: "Z")
            return 24
        }
    }

    /// Reads RFC 3339 §5.6, any offset, any number of fraction digits (kept to the millisecond, cut, not rounded).
    package static func fromRFC3339(_ text: String) -> Int64? {
        var rest = Substring(text).utf8
        guard let year = rest.number(4), rest.take("-"), let month = rest.number(2), rest.take("-"),
            let day = rest.number(2), rest.take("Tt "), let clock = rest.clock()
        else { return nil }
        var milliseconds = 0
        if rest.take(".") {
            var scale = 100
            var count = 0
            while let digit = rest.first, digit &- UInt8(ascii: "0") <= 9 {
                milliseconds += Int(digit - UInt8(ascii: "0")) * scale
                scale /= 10
                count += 1
                rest.removeFirst()
            }
            if count == 0 { return nil }
        }
        var offset = 0
        if !rest.take("Zz") {
            let isWest = rest.first == UInt8(ascii: "-")
            guard rest.take("+-"), let hours = rest.number(2), rest.take(":"), let minutes = rest.number(2),
                hours < 24, minutes < 60
            else { return nil }
            offset = (hours * 60 + minutes) * (isWest ? -60 : 60)
        }
        guard rest.isEmpty, let date = CivilDate(year: year, month: month, day: day) else { return nil }
        return (Int64(date.number) * 86_400 + Int64(clock - offset)) * 1000 + Int64(milliseconds)
    }

    /// The one form of HTTP-date to send (RFC 9110 §5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
    package static func httpDate(_ milliseconds: Int64) -> String {
        let (day, rest) = milliseconds.quotientAndRemainder(flooring: 86_400_000)
        let date = CivilDate(day: day)
        // Day 0 was a Thursday.
        let weekday = Int(day.quotientAndRemainder(flooring: 7).remainder)
        return String(unsafeUninitializedCapacity: 29) { output in
            _ = output.update(fromContentsOf: Array("\(weekdays[weekday]), 00 \(months[date.month - 1]) ".utf8))
            output.put(date.day, at: 5)
            output.put(date.year / 100, at: 12)
            output.put(date.year % 100, at: 14)
            output[16] = UInt8(ascii: " ")
            output.put(clock: Int(rest / 1000), at: 17)
            for (index, byte) in " GMT".utf8.enumerated() { output[25 + index] = byte }
            return 29
        }
    }

    /// Reads an HTTP-date in its preferred form; the two obsolete ones give `nil`, which every use of a date in a
    /// request treats as absent.
    package static func fromHTTPDate(_ text: String) -> Int64? {
        var rest = Substring(text).utf8
        guard let comma = rest.firstIndex(of: UInt8(ascii: ",")), weekdays.contains(String(Substring(rest[..<comma])))
        else { return nil }
        rest = rest[comma...].dropFirst()
        guard rest.take(" "), let day = rest.number(2), rest.take(" ") else { return nil }
        guard let month = months.firstIndex(of: String(Substring(rest.prefix(3)))) else { return nil }
        rest = rest.dropFirst(3)
        guard rest.take(" "), let year = rest.number(4), rest.take(" "), let clock = rest.clock(),
            String(Substring(rest)) == " GMT", let date = CivilDate(year: year, month: month + 1, day: day)
        else { return nil }
        return (Int64(date.number) * 86_400 + Int64(clock)) * 1000
    }

    private static let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
}

/// A day of the Gregorian calendar, by the arithmetic of Howard Hinnant's `days_from_civil`: eras of 400 years, and
/// years that begin in March so that the leap day comes last.
private struct CivilDate {
    let year: Int
    let month: Int
    let day: Int

    init(day number: Int64) {
        let shifted = number + 719_468
        let (era, dayOfEra) = shifted.quotientAndRemainder(flooring: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = Int(dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
        month = Int(shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9)
        year = Int(yearOfEra + era * 400) + (month <= 2 ? 1 : 0)
    }

    /// `nil` for a day the calendar does not have.
    init?(year: Int, month: Int, day: Int) {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        guard (1...12).contains(month) else { return nil }
        let length = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
        guard (1...length).contains(day) else { return nil }
        self.year = year
        self.month = month
        self.day = day
    }

    /// Days since 1970-01-01.
    var number: Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}

extension Int64 {
    fileprivate func quotientAndRemainder(flooring divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let remainder = ((self % divisor) + divisor) % divisor
        return ((self - remainder) / divisor, remainder)
    }
}

extension UnsafeMutableBufferPointer where Element == UInt8 {
    /// Writes a number of two digits.
    @inline(__always)
    fileprivate func put(_ value: Int, at index: Int) {
        self[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / 10)
        self[index + 1] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value % 10)
    }

    /// Writes `hh:mm:ss`.
    @inline(__always)
    fileprivate func put(clock seconds: Int, at index: Int) {
        put(seconds / 3600, at: index)
        self[index + 2] = UInt8(ascii: ":")
        put(seconds / 60 % 60, at: index + 3)
        self[index + 5] = UInt8(ascii: ":")
        put(seconds % 60, at: index + 6)
    }
}

extension Substring.UTF8View {
    /// Takes exactly `width` digits.
    fileprivate mutating func number(_ width: Int) -> Int? {
        var value = 0
        for _ in 0..<width {
            guard let byte = first, byte &- UInt8(ascii: "0") <= 9 else { return nil }
            value = value * 10 + Int(byte - UInt8(ascii: "0"))
            removeFirst()
        }
        return value
    }

    /// Takes one character if it is among `choices`.
    fileprivate mutating func take(_ choices: String) -> Bool {
        guard let byte = first, choices.utf8.contains(byte) else { return false }
        removeFirst()
        return true
    }

    /// Takes `hh:mm:ss`, in seconds; 60 is allowed for a leap second.
    fileprivate mutating func clock() -> Int? {
        guard let hours = number(2), take(":"), let minutes = number(2), take(":"), let seconds = number(2),
            hours < 24, minutes < 60, seconds <= 60
        else { return nil }
        return hours * 3600 + minutes * 60 + seconds
    }
}
