import Domain
import JSON
import Providers
import Testing

@testable import Gateway

struct LogTests {
    private func line(_ fields: [(name: String, value: LogValue)] = []) -> LogLine {
        LogLine(
            at: Instant(milliseconds: 1_795_000_000_123), level: .warning, message: "provider \"trouble\"",
            request: "r1", task: "t1", fields: fields)
    }

    @Test func `a line is one JSON object with what finds it again`() throws {
        let value = try JSONReader.value(of: line([("count", 3), ("why", "a\nb"), ("ok", true), ("ratio", 0.5)]).json)
        #expect(value["time"]?.string == "2026-11-18T11:06:40.123Z")
        #expect(value["level"]?.string == "warning")
        #expect(value["message"]?.string == "provider \"trouble\"")
        #expect(value["request_id"]?.string == "r1")
        #expect(value["task_id"]?.string == "t1")
        #expect(value["count"]?.integer == 3)
        #expect(value["why"]?.string == "a\nb")
        #expect(value["ok"]?.bool == true)
    }

    @Test func `for people a line stays one line, whatever is in it`() {
        let text = line([("why", "a\nb\r\u{1B}[2Jc")]).text(coloured: false)
        #expect(!text.contains { $0 < 0x20 })
        #expect(
            String(decoding: text, as: UTF8.self).contains(
                "WARNING provider \"trouble\" task=t1 why=a\\nb\\u{D}\\u{1B}[2Jc"))
    }

    @Test func `secrets are blotted out, known ones and those shaped like ours`() {
        let redactor = Redactor([Secret("s3cret-of-fal-1234"), Secret("short")])
        let ours = "tgu_0123456789abcdefghijABCDEFGHIJ012345"
        let text =
            "key s3cret-of-fal-1234, again s3cret-of-fal-1234; \(ours); Authorization: Bearer abcdefghijklmnopqrst end"
        #expect(
            redactor.cleaned(text) == "key ***, again ***; tgu_***; Authorization: Bearer *** end")
        #expect(
            redactor.cleaned("short words stay, tgu_ too, Bearer of news")
                == "short words stay, tgu_ too, Bearer of news")
        #expect(redactor.cleaned("") == "")
    }
}
