/// Numbers at byte offsets of a buffer that may be aligned in any way. The caller has checked the bounds; the
/// buffer checks them again in debug builds.
extension UnsafeRawBufferPointer {
    func bigEndian16(at offset: Int) -> Int { Int(self[offset]) << 8 | Int(self[offset + 1]) }

    func bigEndian32(at offset: Int) -> Int { bigEndian16(at: offset) << 16 | bigEndian16(at: offset + 2) }

    func littleEndian16(at offset: Int) -> Int { Int(self[offset]) | Int(self[offset + 1]) << 8 }

    func littleEndian32(at offset: Int) -> Int { littleEndian16(at: offset) | littleEndian16(at: offset + 2) << 16 }

    func ascii(at offset: Int, count: Int) -> String {
        String(decoding: self[offset..<(offset + count)], as: UTF8.self)
    }
}

extension [UInt8] {
    /// `withUnsafeBytes` that lets a typed error through.
    func withUnsafeBytesTyped<Value, Fault: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Fault) -> Value
    ) throws(Fault) -> Value {
        var result: Result<Value, Fault>?
        withUnsafeBytes { raw in
            do throws(Fault) { result = .success(try body(raw)) } catch { result = .failure(error) }
        }
        guard let result else { preconditionFailure("withUnsafeBytes always calls its body") }
        return try result.get()
    }
}
