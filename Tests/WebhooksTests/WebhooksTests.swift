import Domain
import JSON
import Store
import Testing

@testable import Webhooks

@Suite struct WebhookSignatureTests {
    private let now = Instant(milliseconds: 1_674_087_231_000)

    /// The example of the Standard Webhooks specification's reference libraries.
    @Test func `signs as the specification's libraries do`() throws {
        let key = try #require(Base64.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
        let field = WebhookSignature.field(
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: 1_614_265_330, body: Array(#"{"test": 2432232314}"#.utf8),
            secrets: [WebhookSecret(scheme: .hmac, bytes: key, createdAt: now)])
        #expect(field == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    }

    /// RFC 4231 §4: keys shorter than a block and longer.
    @Test(arguments: [
        ([UInt8](repeating: 0x0b, count: 20), "Hi There", "sDRMYdjbOFNcqK/OrwvxK4gdwgDJgz2nJuk3bC4yz/c="),
        (Array("Jefe".utf8), "what do ya want for nothing?", "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="),
        (
            [UInt8](repeating: 0xaa, count: 131), "Test Using Larger Than Block-Size Key - Hash Key First",
            "YOQxWR7gtn8Niiaqy/W3f44LxiE3KMUUBUYEDw7jf1Q="
        ),
    ])
    func `HMAC is RFC 4231's`(key: [UInt8], content: String, code: String) {
        #expect(Base64.encode(WebhookSignature.hmac(Array(content.utf8), key: key)) == code)
    }

    /// RFC 8032 §7.1, test 1: the empty message.
    @Test func `Ed25519 is RFC 8032's`() throws {
        let seed: [UInt8] = [
            0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49,
            0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
        ]
        #expect(
            Base64.encode(try #require(WebhookSignature.ed25519PublicKey(seed: seed)))
                == "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
        #expect(WebhookSignature.ed25519([], seed: seed)?.prefix(4).elementsEqual([0xe5, 0x56, 0x43, 0x00]) == true)
    }

    @Test func `old secrets sign after the new one`() {
        var random = SystemRandomNumberGenerator()
        let secrets = (0..<3).map { _ in WebhookSecret.make(.hmac, now: now, random: &random) }
        let parts = WebhookSignature.field(id: "a", timestamp: 1, body: [], secrets: secrets).split(separator: " ")
        #expect(parts.count == 3)
        #expect(String(parts[0]) == WebhookSignature.field(id: "a", timestamp: 1, body: [], secrets: [secrets[0]]))
    }

    @Test func `a thousand secrets are a thousand secrets`() {
        var random = SystemRandomNumberGenerator()
        let shown = Set((0..<1000).map { _ in WebhookSecret.make(.hmac, now: now, random: &random).shown.secret })
        #expect(shown.count == 1000)
        #expect(
            shown.allSatisfy { $0.hasPrefix("whsec_") && (Base64.decode(String($0.dropFirst(6)))?.count ?? 0) == 32 })
    }
}

@Suite struct RetryScheduleTests {
    private let now = Instant(milliseconds: 1_760_000_000_000)

    @Test func `ten tries within a fifth of the schedule, then no more`() {
        var random = SystemRandomNumberGenerator()
        let schedule = RetrySchedule.standard
        for (tries, base) in schedule.waits.enumerated() {
            for _ in 0..<50 {
                let wait = schedule.next(after: tries, now: now, random: &random).map { ($0 - now).inSeconds } ?? -1
                #expect(abs(wait - base.inSeconds) <= base.inSeconds * 0.2 + 0.001)
            }
        }
        #expect(schedule.next(after: 10, now: now, random: &random) == nil)
    }

    @Test(arguments: [(1, 5), (7, 7), (9, 9), (3600, 10)])
    func `Retry-After counts between once and twice the wait`(asked: Int, expected: Int) {
        var random = SystemRandomNumberGenerator()
        let next = RetrySchedule.standard.next(after: 1, now: now, retryAfter: .seconds(asked), random: &random)
        let wait = next.map { ($0 - now).inSeconds } ?? -1
        #expect(wait >= Double(expected) - 1.001 && wait <= Double(expected) + 1.001)
    }

    @Test(arguments: [0, 1, 5, 7, 10, 11, 3600])
    func `chance makes nobody come before the time a receiver named`(asked: Int) {
        var random = SystemRandomNumberGenerator()
        let least = min(max(asked, 5), 10)
        for _ in 0..<200 {
            let next = RetrySchedule.standard.next(after: 1, now: now, retryAfter: .seconds(asked), random: &random)
            let wait = next.map { ($0 - now).inSeconds } ?? -1
            #expect(wait >= Double(least) && wait <= min(10, Double(least) + 1))
        }
    }
}

@Suite struct DeliveryVerdictTests {
    @Test(arguments: [
        (200, DeliveryVerdict.Fate.delivered, false), (299, .delivered, false), (301, .retry, false),
        (302, .retry, false), (404, .retry, false), (410, .gone, false), (429, .retry, true), (500, .retry, false),
        (502, .retry, true), (504, .retry, true),
    ])
    func `each status has its consequence`(status: Int, fate: DeliveryVerdict.Fate, slows: Bool) {
        let verdict = DeliveryVerdict(.answered(status: status, retryAfter: nil))
        #expect(verdict.fate == fate)
        #expect(verdict.slowsLane == slows)
    }

    @Test func `what ended on our side is no try`() {
        #expect(DeliveryVerdict(.givenUp).fate == .untried)
        #expect(!DeliveryVerdict(.givenUp).slowsLane)
    }

    @Test func `a timeout slows the whole receiver, a refused connection does not`() {
        #expect(DeliveryVerdict(.unanswered(word: "timeout", timedOut: true)).slowsLane)
        #expect(!DeliveryVerdict(.unanswered(word: "connect", timedOut: false)).slowsLane)
    }

    @Test(arguments: [
        ("webhook-signature", "x"), ("Host", "x"), ("content-length", "1"), ("X-A\r\nB", "x"), ("X-A", "a\r\nB: c"),
        ("X-A", "\u{0}"), ("", "x"),
    ])
    func `headers that would forge or frame are refused`(name: String, value: String) {
        #expect(CustomHeader.fault(name: name, value: value) != nil)
        #expect(CustomHeader.fault(name: "X-Team", value: "shop, north") == nil)
    }
}
