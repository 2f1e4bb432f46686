import HTTP

/// Undoes the chunked coding (RFC 9112 §7.1): a pure value, fed bytes in any pieces.
package struct ChunkedDecoder: Sendable {
    package enum Step: Sendable, Equatable {
        /// All bytes were taken; more must come.
        case needMore
        /// These bytes of the input are content; go on behind them.
        case content(Range<Int>)
        /// The body ended before this offset.
        case end(Int)
        case refused(Refusal)
    }

    private enum State: Sendable {
        case size(digits: Int)
        case beforeExtension, extensionStart, `extension`, quoted, escaped
        case sizeLineFeed
        case content
        case contentReturn, contentLineFeed
        case trailerStart, trailerName, trailerValue, trailerLineFeed
        case lastLineFeed
    }

    private var state = State.size(digits: 0)
    private var remaining = 0
    private var extensionBytes = 0
    private var trailerBytes = 0

    package init() {}

    /// Reads on in `input` from `offset`.
    package mutating func next(
        _ input: UnsafeBufferPointer<UInt8>, at offset: Int, limits: ServerLimits
    ) -> Step {
        var index = offset
        do throws(Refusal) {
            while index < input.count {
                if case .content = state {
                    let length = min(remaining, input.count - index)
                    remaining -= length
                    if remaining == 0 { state = .contentReturn }
                    return .content(index..<index + length)
                }
                let isLast = try take(input[index], limits)
                index += 1
                if isLast { return .end(index) }
            }
        } catch {
            return .refused(error)
        }
        return .needMore
    }

    /// Takes one byte of framing; true when it was the last of the body.
    private mutating func take(_ byte: UInt8, _ limits: ServerLimits) throws(Refusal) -> Bool {
        switch state {
        case .size(let digits):
            if let digit = hexValue(byte) {
                // Fifteen digits fit an Int with room; more than that is nobody's chunk.
                guard digits < 15 else { throw .badChunk }
                remaining = remaining << 4 | Int(digit)
                state = .size(digits: digits + 1)
            } else {
                guard digits > 0 else { throw .badChunk }
                try endSize(byte, limits)
            }
        case .beforeExtension, .extensionStart, .extension, .quoted, .escaped: try takeExtension(byte, limits)
        case .sizeLineFeed:
            guard byte == UInt8(ascii: "\n") else { throw .badChunk }
            state = remaining == 0 ? .trailerStart : .content
        case .content: preconditionFailure("content is passed on in ranges, not byte by byte")
        case .contentReturn:
            guard byte == UInt8(ascii: "\r") else { throw .badChunk }
            state = .contentLineFeed
        case .contentLineFeed:
            guard byte == UInt8(ascii: "\n") else { throw .badChunk }
            state = .size(digits: 0)
        case .trailerStart, .trailerName, .trailerValue, .trailerLineFeed: try takeTrailer(byte, limits)
        case .lastLineFeed:
            guard byte == UInt8(ascii: "\n") else { throw .badTrailer }
            return true
        }
        return false
    }

    private mutating func endSize(_ byte: UInt8, _ limits: ServerLimits) throws(Refusal) {
        switch byte {
        case UInt8(ascii: "\r"): state = .sizeLineFeed
        case UInt8(ascii: ";"): state = .extensionStart
        // White space is allowed before an extension only (RFC 9112 §7.1.1), not before the line's end.
        case 0x20, 0x09: state = .beforeExtension
        default: throw .badChunk
        }
    }

    /// Extensions are read over; a quoted one may hold anything but control characters (RFC 9112 §7.1.1).
    private mutating func takeExtension(_ byte: UInt8, _ limits: ServerLimits) throws(Refusal) {
        extensionBytes += 1
        guard extensionBytes <= limits.chunkExtensionBytes else { throw .longChunkExtension }
        let isText = ByteClass.table[Int(byte)] & ByteClass.fieldValue != 0
        switch (state, byte) {
        case (.beforeExtension, UInt8(ascii: ";")): state = .extensionStart
        case (.beforeExtension, 0x20), (.beforeExtension, 0x09): break
        case (.beforeExtension, _): throw .badChunk
        case (.extensionStart, 0x20), (.extensionStart, 0x09): break
        case (.extensionStart, _) where ByteClass.table[Int(byte)] & ByteClass.token != 0: state = .extension
        case (.extensionStart, _): throw .badChunk
        case (.extension, UInt8(ascii: "\r")): state = .sizeLineFeed
        case (.extension, UInt8(ascii: "\"")): state = .quoted
        case (.quoted, UInt8(ascii: "\"")): state = .extension
        case (.quoted, UInt8(ascii: "\\")): state = .escaped
        case (.escaped, _) where isText: state = .quoted
        case (_, _) where isText: break
        default: throw .badChunk
        }
    }

    /// Trailer fields are checked like header fields, and dropped: none of them may change a request that has been
    /// judged by its head already (RFC 9110 §6.5.1).
    private mutating func takeTrailer(_ byte: UInt8, _ limits: ServerLimits) throws(Refusal) {
        trailerBytes += 1
        guard trailerBytes <= limits.trailerBytes else { throw .longTrailer(limit: limits.trailerBytes) }
        let classes = ByteClass.table[Int(byte)]
        switch (state, byte) {
        case (.trailerStart, UInt8(ascii: "\r")): state = .lastLineFeed
        case (.trailerStart, _) where classes & ByteClass.token != 0: state = .trailerName
        case (.trailerName, UInt8(ascii: ":")): state = .trailerValue
        case (.trailerName, _) where classes & ByteClass.token != 0: break
        case (.trailerValue, UInt8(ascii: "\r")): state = .trailerLineFeed
        case (.trailerValue, _) where classes & ByteClass.fieldValue != 0: break
        case (.trailerLineFeed, UInt8(ascii: "\n")): state = .trailerStart
        default: throw .badTrailer
        }
    }
}
