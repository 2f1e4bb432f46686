/// Where bytes that are too large for a row are kept: pictures that came in, models and thumbnails that
/// go out. A file's name is the SHA-256 of its bytes, so storing twice is storing once, a name can be
/// checked, and no client's text ever becomes a path. How a bucket elsewhere can stand behind it: docs/files.md.
package protocol Files: Sendable {
    /// A place to write a new file, in the same file system as where it will stay.
    func draft() throws(FilesError) -> Draft

    /// Gives the draft its name. Durable when it returns; nobody saw half of it before.
    func keep(_ draft: consuming Draft) throws(FilesError) -> FileName

    /// For bytes already at hand.
    func keep(_ bytes: [UInt8]) throws(FilesError) -> FileName

    /// The same for bytes that the caller has hashed: `name` is their SHA-256. What is there already is not
    /// written again.
    func keep(_ bytes: [UInt8], as name: FileName) throws(FilesError)

    /// The path of a kept file, or nil when it is gone.
    func path(of name: FileName) -> String?

    /// Starts the age of a kept file anew; false when it is gone.
    func renew(_ name: FileName) -> Bool

    /// Takes a file away, unless it was kept or renewed in the last `age` seconds: somebody may be about to speak
    /// of it, and a sweep finds it later if not.
    func remove(_ name: FileName, olderThan age: Int64)

    /// Bytes in use, as of the last count and what was added since.
    var usedBytes: Int64 { get }

    /// Deletes every kept file that is not spoken of and older than `age` seconds. Answers how many.
    func sweep(keeping: Set<String>, olderThan age: Int64) -> Int
}

package enum FilesError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The operator's quota or the disk has no room: new work is refused, what is here stays.
    case noRoom(needed: Int64, free: Int64)
    /// The file system said no, in its own words.
    case broken(String)

    package var description: String {
        switch self {
        case .noRoom(let needed, let free): "no room for a file: \(needed) bytes are needed and \(free) free"
        case .broken(let why): why
        }
    }
}

/// Lower-case hexadecimal SHA-256: the only names there are.
package struct FileName: Hashable, Sendable {
    package let sha256: String

    package init?(_ text: some StringProtocol) {
        let isHex =
            text.utf8.count == 64 && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
        guard isHex else { return nil }
        sha256 = String(text)
    }

    init(digest: [UInt8]) {
        let digits = Array("0123456789abcdef".utf8)
        sha256 = String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
