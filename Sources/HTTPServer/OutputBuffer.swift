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

    /// Hexadecimal digits, `width` of them or as many as the value needs.
    func append(hexadecimal value: UInt64, width: Int? = nil) {
        reserve(16)
        let digits = width ?? max(1, (67 - value.leadingZeroBitCount) / 4)
        for index in 0..<digits {
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(4 * (digits - 1 - index))) & 15
            base[count + index] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
        }
        count += digits
    }

    func append(_ id: RequestID) {
        switch id {
        case .made(let high, let low):
            append(hexadecimal: high, width: 16)
            append(hexadecimal: low, width: 16)
        case .given(let text): append(Array(text.utf8))
        }
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
