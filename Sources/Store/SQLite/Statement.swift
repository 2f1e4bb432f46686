import CSQLite
import Domain

/// A compiled statement. Values are bound in the order they are written in the SQL, and columns read the same way,
/// so that both can be read beside it.
final class Statement {
    fileprivate let handle: OpaquePointer
    private unowned let database: Database
    private var next: Int32 = 1
    private var isFinal = false

    init(_ database: Database, sql: UnsafePointer<UInt8>, count: Int, isKept: Bool) throws {
        var handle: OpaquePointer?
        let code = sql.withMemoryRebound(to: CChar.self, capacity: count) { text in
            // PERSISTENT: it will be kept, so its memory should not come out of the small fast pool.
            sqlite3_prepare_v3(
                database.handle, text, Int32(count), isKept ? UInt32(SQLITE_PREPARE_PERSISTENT) : 0, &handle, nil)
        }
        guard code == SQLITE_OK, let handle else { throw database.fault }
        self.handle = handle
        self.database = database
    }

    /// True while there is a row.
    func step() throws -> Bool {
        switch sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default: throw database.fault
        }
    }

    /// Lets go of rows and values: a statement left standing would hold a snapshot, and the log could not shrink.
    func reset() {
        guard !isFinal else { return }
        sqlite3_reset(handle)
        sqlite3_clear_bindings(handle)
        next = 1
    }

    func finalize() {
        guard !isFinal else { return }
        isFinal = true
        sqlite3_finalize(handle)
    }

    // Binding fails only when there is no memory or no such place in the SQL; both then fail the step or the CHECKs
    // behind it, since an unbound value is NULL.

    private func place() -> Int32 {
        defer { next += 1 }
        return next
    }

    func bind(_ value: Int64) { sqlite3_bind_int64(handle, place(), value) }
    func bind(_ value: Int) { bind(Int64(value)) }
    func bind(_ value: Double?) {
        if let value { sqlite3_bind_double(handle, place(), value) } else { bindNull() }
    }
    func bind(_ value: Int64?) {
        if let value { bind(value) } else { bindNull() }
    }
    func bind(_ value: Int?) { bind(value.map(Int64.init)) }
    func bind(_ value: Instant) { bind(value.milliseconds) }
    func bind(_ value: Instant?) { bind(value?.milliseconds) }
    func bind(_ value: Credits) { bind(value.amount) }
    func bind(_ value: Credits?) { bind(value?.amount) }
    func bindNull() { sqlite3_bind_null(handle, place()) }

    func bind(_ value: String) {
        let index = place()
        var value = value
        value.withUTF8 { utf8 in
            guard let start = utf8.baseAddress else {
                _ = trellis_bind_text(handle, index, "", 0)
                return
            }
            start.withMemoryRebound(to: CChar.self, capacity: utf8.count) { text in
                _ = trellis_bind_text(handle, index, text, Int32(utf8.count))
            }
        }
    }

    func bind(_ value: String?) {
        if let value { bind(value) } else { bindNull() }
    }

    /// Text that is already UTF-8 bytes, such as JSON.
    func bind(text: [UInt8]?) {
        guard let text else { return bindNull() }
        let index = place()
        text.withUnsafeBufferPointer { utf8 in
            guard let start = utf8.baseAddress else { return }
            start.withMemoryRebound(to: CChar.self, capacity: utf8.count) { text in
                _ = trellis_bind_text(handle, index, text, Int32(utf8.count))
            }
        }
    }

    func bind(_ value: [UInt8]) {
        let index = place()
        value.withUnsafeBytes { bytes in
            if bytes.isEmpty {
                sqlite3_bind_zeroblob(handle, index, 0)
            } else {
                _ = trellis_bind_blob(handle, index, bytes.baseAddress, Int32(bytes.count))
            }
        }
    }

    func bind<Thing>(_ id: Identifier<Thing>) {
        let index = place()
        withUnsafeBytes(of: (id.high.bigEndian, id.low.bigEndian)) { bytes in
            _ = trellis_bind_blob(handle, index, bytes.baseAddress, 16)
        }
    }

    func bind<Thing>(_ id: Identifier<Thing>?) {
        if let id { bind(id) } else { bindNull() }
    }
}

/// A row under a statement's cursor; each read takes the next column.
struct Row {
    private let handle: OpaquePointer
    private var column: Int32 = 0

    init(_ statement: Statement) { handle = statement.handle }

    private mutating func place() -> Int32 {
        defer { column += 1 }
        return column
    }

    mutating func integer() -> Int64 { sqlite3_column_int64(handle, place()) }
    mutating func int() -> Int { Int(integer()) }
    mutating func double() -> Double { sqlite3_column_double(handle, place()) }
    mutating func instant() -> Instant { Instant(milliseconds: integer()) }
    mutating func credits() -> Credits { Credits(integer()) }

    /// Reads the next column with `read` unless it is NULL.
    mutating func optional<T>(_ read: (inout Row) throws -> T) rethrows -> T? {
        if sqlite3_column_type(handle, column) == SQLITE_NULL {
            column += 1
            return nil
        }
        return try read(&self)
    }

    mutating func text() -> String { String(decoding: bytes(), as: UTF8.self) }

    mutating func bytes() -> [UInt8] {
        let index = place()
        guard let start = sqlite3_column_blob(handle, index) else { return [] }
        return Array(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, index))))
    }

    mutating func id<Thing>(_: Thing.Type = Thing.self) throws -> Identifier<Thing> {
        let index = place()
        guard let start = sqlite3_column_blob(handle, index), sqlite3_column_bytes(handle, index) == 16 else {
            throw StoreError.broken("an id of \(sqlite3_column_bytes(handle, index)) bytes")
        }
        return Identifier(
            high: UInt64(bigEndian: start.loadUnaligned(as: UInt64.self)),
            low: UInt64(bigEndian: start.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    }

    /// One of an enum's words.
    mutating func word<Word: RawRepresentable>(_: Word.Type = Word.self) throws -> Word where Word.RawValue == String {
        let text = text()
        guard let word = Word(rawValue: text) else { throw StoreError.broken("no such \(Word.self): \(text)") }
        return word
    }
}
