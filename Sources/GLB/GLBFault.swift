/// Why a model file was refused: a stable word for programs and a sentence with the figures for people.
package struct GLBFault: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: String, Sendable, CaseIterable {
        /// The file could not be opened or read.
        case unreadable
        /// The file could not be written.
        case unwritable
        /// It does not begin with `glTF`.
        case notGLB = "not_glb"
        /// Binary glTF, but not version 2.
        case wrongVersion = "wrong_version"
        /// It ends before it says it does.
        case truncated
        /// More follows after the end it gives.
        case trailingBytes = "trailing_bytes"
        /// The chunks are out of order, doubled, unaligned or badly padded.
        case badChunk = "bad_chunk"
        /// The JSON chunk is no JSON.
        case badJSON = "bad_json"
        /// The JSON is not what glTF 2.0 asks for.
        case badDocument = "bad_document"
        /// Something points outside of what it points into.
        case outOfBounds = "out_of_bounds"
        /// A position is not a number, or not finite.
        case notFinite = "not_finite"
        /// The nodes do not form a forest.
        case notATree = "not_a_tree"
        /// It needs another file to be complete.
        case externalReference = "external_reference"
        /// The geometry is compressed in a way that is not read here.
        case compressed
        /// Valid perhaps, but of a kind that is not handled here.
        case unsupported
        /// Beyond a limit.
        case tooLarge = "too_large"
        /// There is not one triangle in it.
        case noTriangles = "no_triangles"
        /// A texture's picture cannot be decoded.
        case badTexture = "bad_texture"
    }

    package let code: Code
    package let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
