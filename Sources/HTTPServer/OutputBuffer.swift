import HTTP

/// A growing run of bytes to send. Plain memory with one owner: an array would check for sharing on every append,
/// and an answer's head is twenty appends.
final class OutputBuffer {
    private var base: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    private(set) var count = 0
    private let usualCapacity: Int

    init(capacity: Int) {
        self.capacity = capacity
        usualCapacity = capacity
        base = .allocate(capacity: capacity)
    }

    deinit { base.deallocate() }

    var isEmpty: Bool { count == 0 }
    var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: base, count: count) }

    @inline(__always)
    func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let source = bytes.baseAddress else { return }
        reserve(bytes.count)
        (base + count).update(from: source, count: bytes.count)
        count += bytes.count
    }

    @inline(__always)
    func append(_ text: StaticString) {
        append(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    @inline(__always)
    func append(_ bytes: [UInt8]) { bytes.withUnsafeBufferPointer { append($0) } }

    @inline(__always)
    func append(_ byte: UInt8) {
        reserve(1)
        base[count] = byte
        count += 1
    }

    func append(decimal value: UInt64) {
        reserve(20)
        var digits = 1
        var scale = value
        while scale >= 10 {
            scale /= 10
            digits += 1
        }
        var rest = value
        for index in stride(from: count + digits - 1, through: count, by: -1) {
            base[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        count += digits
    }

    /// As many hexadecimal digits as the value needs.
    func append(hexadecimal value: UInt64) {
        reserve(16)
        let digits = max(1, (67 - value.leadingZeroBitCount) / 4)
        for index in 0..<digits {
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(4 * (digits - 1 - index))) & 15
            base[count + index] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
        }
        count += digits
    }

    func append(_ id: RequestID) {
        switch id {
        case .made(let high, let low):
            reserve(32)
            append(sixteenDigitsOf: high)
            append(sixteenDigitsOf: low)
        case .given(let text): append(Array(text.utf8))
        }
    }

    /// Room must have been made.
    @inline(__always)
    private func append(sixteenDigitsOf word: UInt64) {
        let target = UnsafeMutableRawPointer(base + count)
        target.storeBytes(of: Self.hexadecimal(UInt32(word >> 32)).bigEndian, as: UInt64.self)
        target.storeBytes(
            of: Self.hexadecimal(UInt32(truncatingIfNeeded: word)).bigEndian, toByteOffset: 8, as: UInt64.self)
        count += 16
    }

    /// The eight digits of a word at once, the first in the highest byte: each answer's head has 32 of them.
    @inline(__always)
    private static func hexadecimal(_ word: UInt32) -> UInt64 {
        // A nibble a byte.
        var digits = UInt64(word)
        digits = (digits | digits << 16) & 0x0000_ffff_0000_ffff
        digits = (digits | digits << 8) & 0x00ff_00ff_00ff_00ff
        digits = (digits | digits << 4) & 0x0f0f_0f0f_0f0f_0f0f
        // Those of ten and more carry into the next nibble when six is added; they are letters, 39 further on.
        let letters = (digits &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
        return digits &+ 0x3030_3030_3030_3030 &+ letters &* 39
    }

    /// Drops the first `length` bytes.
    func removeFirst(_ length: Int) {
        count -= length
        base.update(from: base + length, count: count)
    }

    /// Empties it; memory that a rare large answer has claimed is given back.
    func removeAll() {
        count = 0
        guard capacity > usualCapacity * 16 else { return }
        base.deallocate()
        capacity = usualCapacity
        base = .allocate(capacity: capacity)
    }

    @inline(__always)
    private func reserve(_ additional: Int) {
        if count + additional > capacity { grow(additional) }
    }

    @inline(never)
    private func grow(_ additional: Int) {
        let larger = max(capacity * 2, count + additional)
        let target = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
        target.update(from: base, count: count)
        base.deallocate()
        base = target
        capacity = larger
    }
}
