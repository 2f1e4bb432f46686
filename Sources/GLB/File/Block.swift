/// A run of numbers on the heap, without the checks and copies of an array, for the loops that go over millions.
final class Block<Element: BitwiseCopyable> {
    let base: UnsafeMutablePointer<Element>
    let count: Int

    /// The elements are not initialised.
    init(count: Int) {
        self.count = count
        base = .allocate(capacity: max(count, 1))
    }

    convenience init(count: Int, repeating value: Element) {
        self.init(count: count)
        base.initialize(repeating: value, count: count)
    }

    deinit { base.deallocate() }

    var elements: UnsafeMutableBufferPointer<Element> { UnsafeMutableBufferPointer(start: base, count: count) }
    var raw: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(elements) }
}
