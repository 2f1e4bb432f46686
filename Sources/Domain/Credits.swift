/// An amount of credits: whole numbers only, and never so large that a JSON client could misread it.
package struct Credits: Hashable, Sendable, Comparable, ExpressibleByIntegerLiteral, CustomStringConvertible {
    package let amount: Int64

    /// The largest amount one posting may move: every JSON client reads integers below 2⁵³ exactly.
    package static let limit: Int64 = (1 << 53) - 1

    package init(_ amount: Int64) { self.amount = amount }
    package init(integerLiteral value: Int64) { amount = value }

    package static let zero: Credits = 0

    package static func < (left: Self, right: Self) -> Bool { left.amount < right.amount }
    package static func + (left: Self, right: Self) -> Self { Self(left.amount + right.amount) }
    package static func - (left: Self, right: Self) -> Self { Self(left.amount - right.amount) }
    package static func * (left: Self, right: Int) -> Self { Self(left.amount * Int64(right)) }
    package static func += (left: inout Self, right: Self) { left = left + right }

    package var description: String { String(amount) }
}
