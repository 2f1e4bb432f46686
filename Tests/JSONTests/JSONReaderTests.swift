import Corpus
import JSON
import Testing

@Suite struct `JSON reader` {
    @Test func `agrees with every settled case of JSONTestSuite`() throws {
        var seen = 0
        for line in try Corpus.lines("json-parsing.jsonl") {
            let test = try JSONReader.value(of: line)
            let name = try #require(test["name"]?.string)
            let raw = Corpus.latin1(try #require(test["raw"]?.string))
            let value = Result { () throws(JSONError) in try JSONReader.value(of: raw, limits: .tolerant) }
            switch test["expect"]?.string {
            case "accept": #expect(throws: Never.self, "\(name)") { try value.get() }
            case "reject": #expect(throws: JSONError.self, "\(name)") { try value.get() }
            default: break
            }
            // Building and skipping must see the same things.
            let members = Result { () throws(JSONError) in try JSONReader.members(of: raw, limits: .tolerant) }
            if case .success(.object(let object)) = value {
                let slices = try members.get()
                #expect(slices.map(\.name) == object.names, "\(name)")
                for slice in slices { #expect(try slice.value.value() == object[slice.name], "\(name)") }
            } else {
                #expect(throws: JSONError.self, "\(name)") { _ = try members.get() }
            }
            // What was read can be written, and reads back as the same.
            if case .success(let value) = value {
                #expect(try JSONReader.value(of: value.bytes, limits: .tolerant) == value, "\(name)")
            }
            seen += 1
        }
        #expect(seen > 300)
    }

    @Test func `brings awkward strings through unharmed`() throws {
        let strings = try #require(try JSONReader.value(of: Corpus.bytes("naughty-strings.json")).array)
        #expect(strings.count > 500)
        for value in strings {
            #expect(try JSONReader.value(of: value.bytes) == value)
        }
    }

    @Test func `reads a nested value by names and numbers`() throws {
        let value = try JSONReader.value(of: #"{"results": [{"asset": "a.glb", "n": 1.50}], "ok": true, "no": null}"#)
        #expect(value["results"]?[0]?["asset"]?.string == "a.glb")
        #expect(value["results"]?[0]?["n"]?.double == 1.5)
        #expect(value["results"]?[1] == nil)
        #expect(value["ok"]?.bool == true)
        #expect(value["no"]?.isNull == true)
        #expect(value["missing"] == nil)
    }

    @Test(arguments: [
        ("9007199254740993", Int64(9_007_199_254_740_993)), ("9223372036854775807", .max),
        ("-9223372036854775808", .min), ("0", 0),
    ])
    func `keeps integers exact`(text: String, number: Int64) throws {
        #expect(try JSONReader.value(of: text) == .integer(number))
    }

    @Test(arguments: ["9223372036854775808", "1.0", "1e3", "-0", "0.30", "1e400"])
    func `keeps every other number in its own digits`(text: String) throws {
        let value = try JSONReader.value(of: text)
        #expect(value.integer == nil)
        guard case .decimal(let decimal) = value else {
            Issue.record("\(text) became \(value)")
            return
        }
        #expect(decimal.text == text)
        #expect(value.bytes == Array(text.utf8))
    }

    @Test(arguments: [
        (#"{"a":1,"a":2}"#, JSONError.Reason.duplicateName("a")), (#"{"a":1,"\u0061":2}"#, .duplicateName("a")),
        (#"["\ud800"]"#, .loneSurrogate), (#"["\udc00x"]"#, .loneSurrogate), (#"["\ud800\u0041"]"#, .loneSurrogate),
        ("[1] 2", .trailingBytes), ("[01]", .badNumber), ("[1.]", .badNumber), ("[\"\n\"]", .controlCharacter),
        (#"["\x"]"#, .badEscape), ("[nul]", .unexpectedByte(UInt8(ascii: "]"))), ("{", .unexpectedEnd),
        ("", .unexpectedEnd),
        ("[1,]", .unexpectedByte(UInt8(ascii: "]"))), ("-", .unexpectedEnd),
    ])
    func `says what is wrong`(text: String, reason: JSONError.Reason) {
        #expect { try JSONReader.value(of: text) } throws: { ($0 as? JSONError)?.reason == reason }
    }

    @Test func `finds a duplicate among many names`() throws {
        let names = (0..<1000).map { "\"n\($0)\":\($0)" }.joined(separator: ",")
        #expect(try JSONReader.value(of: "{\(names)}").object?.count == 1000)
        #expect { try JSONReader.value(of: "{\(names),\"n7\":1}") } throws: {
            ($0 as? JSONError)?.reason == .duplicateName("n7")
        }
        #expect(try JSONReader.value(of: "{\(names),\"n999\":1}", limits: .tolerant)["n999"] == 1)
    }

    @Test func `stops at its limits`() throws {
        let deep = { String(repeating: "[", count: $0) + String(repeating: "]", count: $0) }
        #expect(throws: Never.self) { try JSONReader.value(of: deep(64)) }
        #expect { try JSONReader.value(of: deep(65)) } throws: {
            ($0 as? JSONError)?.reason == .tooDeep(limit: 64)
        }
        #expect { try JSONReader.members(of: Array(("{\"a\":" + deep(100_000) + "}").utf8)) } throws: {
            ($0 as? JSONError)?.reason == .tooDeep(limit: 64)
        }
        var limits = JSONLimits.strict
        limits.values = 10
        #expect { try JSONReader.value(of: "[1,2,3,4,5,6,7,8,9,10]", limits: limits) } throws: {
            ($0 as? JSONError)?.reason == .tooMany(limit: 10)
        }
        limits.bytes = 4
        #expect { try JSONReader.value(of: "[1,2]", limits: limits) } throws: {
            ($0 as? JSONError)?.reason == .tooLong(limit: 4)
        }
    }

    @Test func `replaces half a surrogate pair where that is allowed`() throws {
        #expect(try JSONReader.value(of: #""a\ud83dz""#, limits: .tolerant) == "a\u{fffd}z")
        #expect(try JSONReader.value(of: #""\ud83d\ude00""#) == "😀")
    }

    @Test(arguments: 0..<70)
    func `finds a mark at every distance from the start`(padding: Int) throws {
        let plain = String(repeating: "x", count: padding)
        for (inner, expected) in [("", ""), (#"\""#, "\""), (#"\n"#, "\n"), ("é", "é"), ("\u{7f}", "\u{7f}")] {
            let tail = String(repeating: "y", count: 70 - padding)
            #expect(try JSONReader.value(of: "\"\(plain)\(inner)\(tail)\"") == .string(plain + expected + tail))
        }
        #expect(throws: JSONError.self) { try JSONReader.value(of: "\"\(plain)\u{1}\(plain)\"") }
        let broken = Array("\"\(plain)".utf8) + [0xff] + Array("\(plain)\"".utf8)
        #expect(throws: JSONError.self) { try JSONReader.value(of: broken) }
    }

    @Test func `lends a large string where it lies`() throws {
        let image = String(repeating: "QUJD", count: 100_000)
        let body = Array(#"{ "steps" : 12, "image" : "\#(image)", "note": "a\/b" }"#.utf8)
        let members = try JSONReader.members(of: body)
        #expect(members.map(\.name) == ["steps", "image", "note"])
        #expect(members.map(\.value.kind) == [.number, .string, .string])
        let range = try #require(members[1].value.plainStringRange)
        #expect(range.count == 400_000)
        #expect(Base64.decode(body[range])?.count == 300_000)
        #expect(members[2].value.plainStringRange == nil)
        #expect(try members[2].value.stringBytes() == Array("a/b".utf8))
        #expect(try members[0].value.stringBytes() == nil)
        #expect(try members[0].value.value() == 12)
    }
}
