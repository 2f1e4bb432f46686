import Files
import Foundation
import Glibc
import Testing

@Suite final class FilesTests {
    private let directory = NSTemporaryDirectory() + "files-test-\(UUID().uuidString)"

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    private func temporary(quota: Int64 = 1 << 20) throws -> (LocalFiles, String) {
        (try LocalFiles(directory: directory, quota: quota), directory)
    }

    @Test func `a file is named by its bytes and kept once`() throws {
        let (files, _) = try temporary()
        let first = try files.keep(Array("abc".utf8))
        let second = try files.keep(Array("abc".utf8))
        #expect(first.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(first == second)
        #expect(files.usedBytes == 3)
        #expect(files.path(of: first) != nil)
    }

    @Test func `a draft that is not kept leaves nothing`() throws {
        let (files, _) = try temporary()
        let path: String
        do {
            let draft = try files.draft()
            path = draft.path
            #expect(access(path, F_OK) == 0)
        }
        #expect(access(path, F_OK) != 0)
    }

    @Test func `a full quota refuses new files and keeps the old`() throws {
        let (files, _) = try temporary(quota: 10)
        let old = try files.keep([UInt8](repeating: 1, count: 8))
        #expect(throws: FilesError.noRoom(needed: 3, free: 2)) { try files.keep([1, 2, 3]) }
        #expect(files.path(of: old) != nil)
        files.remove(old)
        #expect(files.usedBytes == 0)
        _ = try files.keep([1, 2, 3])
    }

    @Test func `a sweep takes what nobody speaks of, and drafts of the dead`() throws {
        let (files, directory) = try temporary()
        let kept = try files.keep(Array("kept".utf8))
        let orphan = try files.keep(Array("orphan".utf8))
        let dead = "\(directory)/drafts/1-1"
        close(open(dead, O_CREAT | O_WRONLY, 0o600))
        #expect(files.sweep(keeping: [kept.sha256], olderThan: 3600) == 0)
        #expect(files.sweep(keeping: [kept.sha256], olderThan: -1) == 2)
        #expect(files.path(of: kept) != nil)
        #expect(files.path(of: orphan) == nil)
        #expect(access(dead, F_OK) != 0)
    }

    @Test(arguments: ["", "../../etc/passwd", String(repeating: "A", count: 64), String(repeating: "g", count: 64)])
    func `no other text is a file's name`(text: String) {
        #expect(FileName(text) == nil)
    }
}
