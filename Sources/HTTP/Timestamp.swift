/// A point in time as the wire spells it, and back; in milliseconds since 1970 UTC, without a calendar library.
package enum Timestamp {
    /// RFC 3339 in UTC: `2026-03-14T15:09:26Z`, with `.535` before the `Z` when there are milliseconds.
    package static func rfc3339(_ milliseconds: Int64) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(24)
        writeRFC3339(milliseconds, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    package static func writeRFC3339(_ milliseconds: Int64, to output: inout [UInt8]) {
        let (day, rest) = milliseconds.quotientAndRemainder(flooring: 86_400_000)
        let date = CivilDate(day: day)
        output.append(digits: date.year, width: 4)
        output.append(UInt8(ascii: "-"))
        output.append(digits: date.month, width: 2)
        output.append(UInt8(ascii: "-"))
        output.append(digits: date.day, width: 2)
        output.append(UInt8(ascii: "T"))
        output.append(clock: rest / 1000)
        if rest % 1000 != 0 {
            output.append(UInt8(ascii: "."))
            output.append(digits: Int(rest % 1000), width: 3)
        }
        output.append(UInt8(ascii: "Z"))
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
        var bytes: [UInt8] = Array(weekdays[weekday].utf8)
        bytes.append(contentsOf: ", ".utf8)
        bytes.append(digits: date.day, width: 2)
        bytes.append(UInt8(ascii: " "))
        bytes.append(contentsOf: months[date.month - 1].utf8)
        bytes.append(UInt8(ascii: " "))
        bytes.append(digits: date.year, width: 4)
        bytes.append(UInt8(ascii: " "))
        bytes.append(clock: rest / 1000)
        bytes.append(contentsOf: " GMT".utf8)
        return String(decoding: bytes, as: UTF8.self)
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

extension [UInt8] {
    fileprivate mutating func append(digits value: Int, width: Int) {
        // Division by a constant is a multiplication; by a variable it would cost twenty cycles a digit.
        if width > 3 { append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / 1000 % 10)) }
        if width > 2 { append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / 100 % 10)) }
        append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / 10 % 10))
        append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value % 10))
    }

    fileprivate mutating func append(clock seconds: Int64) {
        append(digits: Int(seconds / 3600), width: 2)
        append(UInt8(ascii: ":"))
        append(digits: Int(seconds / 60 % 60), width: 2)
        append(UInt8(ascii: ":"))
        append(digits: Int(seconds % 60), width: 2)
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
