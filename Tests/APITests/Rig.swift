import COpenSSL
import Domain
import Files
import Foundation
import HTTP
import JSON

@testable import API

/// What the front stands on in these tests: real files, real digests, a clock that stands still unless moved.
enum Rig {
    /// Monday, 2 March 2026, 12:00 UTC.
    static let start = Instant(milliseconds: 1_772_452_800_000)

    static func directory() -> String {
        let path = NSTemporaryDirectory() + "api-" + UUID().uuidString
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    @Sendable static func sign(_ bytes: [UInt8]) -> [UInt8] { digest(Array("a key of the tests".utf8) + bytes) }

    static func surroundings(
        files: (any Files)? = nil, now: @escaping @Sendable () -> Instant = { start }
    ) -> Surroundings {
        var around = Surroundings(
            now: now, digest: digest, files: files ?? NoFiles(), inspect: inspect,
            objection: { $0.contains("169.254.") ? "leads to an address that is not allowed." : nil })
        around.providers = {
            [ProviderView(id: .sandbox, name: "Sandbox", isEnabled: true, typicalDuration: .seconds(20))]
        }
        around.route = { _, _ in [RouteChoice(provider: .sandbox)] }
        return around
    }

    @Sendable static func digest(_ bytes: [UInt8]) -> [UInt8] {
        var out = [UInt8](repeating: 0, count: 32)
        SHA256(bytes, bytes.count, &out)
        return out
    }

    /// A PNG by its signature, with the size its header tells.
    @Sendable static func inspect(_ bytes: [UInt8]) -> Result<PictureFacts, PictureFault> {
        guard bytes.starts(with: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), bytes.count > 24 else {
            return .failure(PictureFault("image is neither PNG, JPEG nor WebP."))
        }
        let number = { (at: Int) in bytes[at..<at + 4].reduce(0) { $0 << 8 | Int($1) } }
        return .success(PictureFacts(format: .png, width: number(16), height: number(20)))
    }

    /// The smallest PNG there is, of one pixel.
    static let picture =
        Base64.decode(
            "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==") ?? []
}

/// For tests that keep nothing.
private struct NoFiles: Files {
    func draft() throws(FilesError) -> Draft { throw .broken("no files in this test") }
    func keep(_ draft: consuming Draft) throws(FilesError) -> FileName { throw .broken("no files in this test") }
    func keep(_ bytes: [UInt8]) throws(FilesError) -> FileName { throw .broken("no files in this test") }
    func keep(_ bytes: [UInt8], as name: FileName) throws(FilesError) { throw .broken("no files in this test") }
    func path(of name: FileName) -> String? { nil }
    func renew(_ name: FileName) -> Bool { false }
    func remove(_ name: FileName, olderThan age: Int64) {}
    var usedBytes: Int64 { 0 }
    func sweep(keeping: Set<String>, olderThan age: Int64) -> Int { 0 }
}
