import Glibc

/// The engine's own source without its comments, for tests of what is not in it.
enum SourceText {
    static let root = String(#filePath.dropLast("/Tests/StoreTests/SourceText.swift".count))

    static var store: [(name: String, text: String)] {
        let directory = root + "/Sources/Store/SQLite"
        return files(in: directory).map { name in
            let lines = read(directory + "/" + name).split(separator: "\n")
            return (name, lines.filter { !$0.contains("//") }.joined(separator: "\n"))
        }
    }

    static func read(_ path: String) -> String {
        guard let file = fopen(path, "r") else { return "" }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func files(in directory: String) -> [String] {
        var names: [String] = []
        guard let entries = opendir(directory) else { return [] }
        defer { closedir(entries) }
        while let entry = readdir(entries) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasSuffix(".swift") { names.append(name) }
        }
        return names.sorted()
    }
}
