import Foundation
import HTTP
import Testing

@Suite struct `Timestamps` {
    @Test(arguments: [
        (Int64(0), "1970-01-01T00:00:00Z"), (-1, "1969-12-31T23:59:59.999Z"),
        (1_773_500_966_535, "2026-03-14T15:09:26.535Z"),
        (951_782_400_000, "2000-02-29T00:00:00Z"), (4_107_542_399_000, "2100-02-28T23:59:59Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00Z"), (253_402_300_799_000, "9999-12-31T23:59:59Z"),
    ])
    func `are spelled as RFC 3339 says and read back`(milliseconds: Int64, text: String) {
        #expect(Timestamp.rfc3339(milliseconds) == text)
        #expect(Timestamp.fromRFC3339(text) == milliseconds)
    }

    @Test(arguments: [
        ("2026-03-14T16:09:26.535+01:00", Int64(1_773_500_966_535)),
        ("2026-03-14t15:09:26.5359999z", 1_773_500_966_535),
        ("2026-03-14 13:39:26.5-01:30", 1_773_500_966_500), ("1990-12-31T23:59:60Z", 662_688_000_000),
    ])
    func `are read in every form of RFC 3339`(text: String, milliseconds: Int64) {
        #expect(Timestamp.fromRFC3339(text) == milliseconds)
    }

    @Test(arguments: [
        "", "2026", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00",
        "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00Zx", "2026-1-01T00:00:00Z",
        "20260101T000000Z", "+026-01-01T00:00:00Z",
    ])
    func `that are none are refused`(text: String) { #expect(Timestamp.fromRFC3339(text) == nil) }

    @Test(arguments: [(Int64(784_111_777_000), "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT")])
    func `are spelled as HTTP dates and read back`(milliseconds: Int64, text: String) {
        #expect(Timestamp.httpDate(milliseconds) == text)
        #expect(Timestamp.fromHTTPDate(text) == milliseconds)
    }

    @Test(arguments: [
        "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 UTC", "",
        "Sun, 32 Nov 1994 08:49:37 GMT",
    ])
    func `in other forms count as absent`(text: String) { #expect(Timestamp.fromHTTPDate(text) == nil) }

    @Test func `agree with the calendar on every day of eight centuries`() {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        for day in stride(from: -50_000, to: 250_000, by: 7) {
            let parts = calendar.dateComponents(
                [.year, .month, .day], from: Date(timeIntervalSince1970: Double(day) * 86_400))
            let date = [parts.year ?? 0, parts.month ?? 0, parts.day ?? 0]
            let text = Timestamp.rfc3339(Int64(day) * 86_400_000).prefix(10).split(separator: "-").map { Int($0) }
            #expect(text == date)
        }
    }
}
