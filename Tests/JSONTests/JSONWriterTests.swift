import JSON
import Testing

@Suite struct `JSON writer` {
    @Test func `places commas by itself`() {
        var json = JSONWriter()
        json.object {
            $0.member("status", "FINISHED")
            $0.member("progress", 100)
            $0.member("failure", nil as String?)
            $0.array("results") {
                $0.object { $0.member("ok", true) }
                $0.object { _ in }
                $0.array {
                    $0.integer(-1); $0.integer(UInt64.max); $0.integer(Int64.min)
                }
            }
            $0.object("error") { _ in }
            $0.member("rate", 0.1)
        }
        #expect(
            json.text == #"{"status":"FINISHED","progress":100,"failure":null,"results":[{"ok":true},{},"#
                + #"[-1,18446744073709551615,-9223372036854775808]],"error":{},"rate":0.1}"#)
    }

    @Test func `escapes what must be and nothing else`() throws {
        for scalar in (0...0x2100).compactMap(UnicodeScalar.init) {
            let text = "a\(scalar)z"
            var json = JSONWriter()
            json.string(text)
            #expect(try JSONReader.value(of: json.bytes) == .string(text))
            if scalar.value >= 0x20, scalar != "\"", scalar != "\\" { #expect(json.text == "\"\(text)\"") }
        }
        var json = JSONWriter()
        json.string("\"\\\u{8}\u{c}\n\r\t\u{1f}/")
        #expect(json.text == #""\"\\\b\f\n\r\t\u001f/""#)
    }

    @Test func `replaces bytes that are not UTF-8`() throws {
        var json = JSONWriter()
        json.string(utf8: [0x61, 0xff, 0x62])
        #expect(json.text == "\"a\u{fffd}b\"")
    }

    @Test(arguments: [0.0, -0.0, 0.1, 1e16, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 1.0 / 3, 123456789.123])
    func `writes a double that reads back as itself`(number: Double) throws {
        var json = JSONWriter()
        json.number(number)
        let back = try #require(try JSONReader.value(of: json.bytes).double)
        #expect(back.bitPattern == number.bitPattern)
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity])
    func `writes null for what JSON cannot say`(number: Double) {
        var json = JSONWriter()
        json.number(number)
        #expect(json.text == "null")
    }

    @Test func `writes values built from literals`() {
        let value: JSONValue = ["a": [1, 2.5, "x", .null, true], "b": [:]]
        #expect(value.description == #"{"a":[1,2.5,"x",null,true],"b":{}}"#)
    }
}
