import HTTP
import Testing

@Suite struct `Header fields` {
    @Test func `are found whatever the case of their name`() {
        var headers: Headers = ["Content-Type": "text/plain", "X-A": "1"]
        headers.add("x-a", "2")
        #expect(headers["content-TYPE"] == "text/plain")
        #expect(headers.all("X-A") == ["1", "2"])
        #expect(headers["X-B"] == nil)
        #expect(headers.withFirst("x-A") { $0.map { Array($0) } } == Array("1".utf8))
        #expect(headers.withFirst("nope") { $0 == nil })
        #expect(headers.count == 3)
    }

    @Test func `of letters do not match marks thirty-two apart`() {
        let headers: Headers = ["a^b": "1"]
        #expect(headers["a~b"] == nil)
        #expect(headers["A^B"] == "1")
    }

    @Test func `can be set and removed`() {
        var headers: Headers = ["A": "1", "B": "2", "a": "3"]
        headers.set("A", "4")
        #expect(headers.map { "\($0.name)=\($0.value)" } == ["B=2", "A=4"])
        headers["b"] = nil
        headers["C"] = ""
        var wire: [UInt8] = []
        headers.write(to: &wire)
        #expect(String(decoding: wire, as: UTF8.self) == "A: 4\r\nC: \r\n")
    }

    @Test(arguments: ["a\r\nB: c", "a\n", "\0", "a\rb", "\u{7f}"])
    func `from outside cannot break the framing`(value: String) {
        var headers = Headers()
        #expect(throws: HeaderFault.self) { try headers.add("X", from: value) }
        #expect(headers.isEmpty)
    }

    @Test(arguments: ["", "a b", "a:", "a\r", "é"])
    func `must have a token for a name`(name: String) {
        var headers = Headers()
        #expect(throws: HeaderFault.self) { try headers.add(name, from: "v") }
    }

    @Test func `that were received can be changed and sent on`() {
        var headers = Headers()
        Array("A:1\r\nB:  2 \r\n".utf8).withUnsafeBufferPointer { headers.adopt($0) }
        headers.noteField(nameStart: 0, nameLength: 1, valueStart: 2, valueLength: 1)
        headers.noteField(nameStart: 5, nameLength: 1, valueStart: 9, valueLength: 1)
        #expect(headers == ["a": "1", "b": "2"])
        #expect(headers.withWireBytes { String(decoding: $0, as: UTF8.self) } == "A: 1\r\nB: 2\r\n")
        headers.add("C", "3")
        #expect(headers.withWireBytes { String(decoding: $0, as: UTF8.self) } == "A: 1\r\nB: 2\r\nC: 3\r\n")
    }
}
