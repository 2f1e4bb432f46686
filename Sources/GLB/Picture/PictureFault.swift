/// Why a picture was refused: a stable word for programs and a sentence with the figures for people.
package struct PictureFault: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: String, Sendable {
        case empty
        case unknownFormat = "unknown_format"
        case truncated
        case damaged
        case animated
        case tooLarge = "too_large"
        case unwritable
    }

    package let code: Code
    package let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
