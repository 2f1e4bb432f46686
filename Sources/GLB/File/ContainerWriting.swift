extension Container {
    /// What must follow `count` bytes for the next to begin at a multiple of four.
    static func padding(_ count: Int) -> Int { -count & 3 }

    /// Everything before the binary chunk's content: header, JSON chunk (padded with spaces), head of the BIN chunk.
    static func head(json: [UInt8], binaryCount: Int) -> [UInt8] {
        let jsonCount = json.count + padding(json.count)
        let paddedBinary = binaryCount + padding(binaryCount)
        var head: [UInt8] = []
        head.reserveCapacity(28 + jsonCount)
        func append(_ number: Int) { withUnsafeBytes(of: UInt32(number).littleEndian) { head.append(contentsOf: $0) } }
        head += "glTF".utf8
        append(2)
        append(12 + 8 + jsonCount + (binaryCount > 0 ? 8 + paddedBinary : 0))
        append(jsonCount)
        head += "JSON".utf8
        head += json
        head.append(contentsOf: repeatElement(0x20, count: jsonCount - json.count))
        if binaryCount > 0 {
            append(paddedBinary)
            head += "BIN\0".utf8
        }
        return head
    }
}
