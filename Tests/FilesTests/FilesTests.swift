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

    @Test func `bytes whose name is known are the same file, and kept once`() throws {
        let (files, _) = try temporary(quota: 3)
        let name = try #require(
            FileName("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"))
        try files.keep(Array("abc".utf8), as: name)
        let path = try #require(files.path(of: name))
        #expect(FileManager.default.contents(atPath: path) == Data("abc".utf8))
        // With no room left, what is here already needs none.
        try files.keep(Array("abc".utf8), as: name)
        #expect(try files.keep(Array("abc".utf8)) == name)
        #expect(files.usedBytes == 3)
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
        files.remove(old, olderThan: -1)
        #expect(files.usedBytes == 0)
        _ = try files.keep([1, 2, 3])
    }

    @Test func `a sweep takes what nobody speaks of`() throws {
        let (files, directory) = try temporary()
        let kept = try files.keep(Array("kept".utf8))
        let orphan = try files.keep(Array("orphan".utf8))
        #expect(files.sweep(keeping: [kept.sha256], olderThan: 3600) == 0)
        #expect(files.sweep(keeping: [kept.sha256], olderThan: -1) == 1)
        #expect(files.path(of: kept) != nil)
        #expect(files.path(of: orphan) == nil)
        #expect(files.usedBytes == 4)
        #expect(try LocalFiles(directory: directory, quota: 1 << 20).usedBytes == 4)
    }

    @Test(arguments: [getpid(), 1])
    func `opening removes the drafts of the dead, even of one with our own number`(pid: Int32) throws {
        let (_, directory) = try temporary()
        let dead = "\(directory)/drafts/\(pid)-1"
        close(open(dead, O_CREAT | O_WRONLY, 0o600))
        let files = try LocalFiles(directory: directory, quota: 1 << 20)
        #expect(access(dead, F_OK) != 0)
        _ = try files.keep(Array("a new draft has that number now".utf8))
    }

    @Test func `a file that was just kept again is not taken away`() throws {
        let (files, _) = try temporary()
        let name = try files.keep(Array("abc".utf8))
        let path = try #require(files.path(of: name))
        func age() { utimes(path, [timeval(tv_sec: 1, tv_usec: 0), timeval(tv_sec: 1, tv_usec: 0)]) }
        age()
        _ = try files.keep(Array("abc".utf8))
        files.remove(name, olderThan: 30)
        #expect(files.path(of: name) != nil)
        age()
        #expect(files.renew(name))
        files.remove(name, olderThan: 30)
        #expect(files.path(of: name) != nil)
        age()
        files.remove(name, olderThan: 30)
        #expect(files.path(of: name) == nil)
        #expect(!files.renew(name))
    }

    @Test func `many who keep the same bytes at once have one file, counted once`() async throws {
        let (files, _) = try temporary()
        let bytes = [UInt8](repeating: 7, count: 1000)
        let names = await withTaskGroup(of: FileName?.self) { group in
            for _ in 0..<32 { group.addTask { try? files.keep(bytes) } }
            return await group.reduce(into: [FileName?]()) { $0.append($1) }
        }
        #expect(Set(names).count == 1)
        #expect(names.first != .some(nil))
        #expect(files.usedBytes == 1000)
    }

    @Test(arguments: ["", "../../etc/passwd", String(repeating: "A", count: 64), String(repeating: "g", count: 64)])
    func `no other text is a file's name`(text: String) {
        #expect(FileName(text) == nil)
    }
}
