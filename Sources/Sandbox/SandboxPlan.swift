/// All that a job is, written out in its id: the sandbox remembers nothing, so its jobs outlive any restart and a
/// thousand of them cost no memory.
///
///     sb1-<start ms>-<length ms>-<seed>-<mode>-<flags>-<note>-<picture>
struct SandboxPlan: Hashable, Sendable {
    /// When it was submitted, in milliseconds since 1970.
    var start: Int64
    /// How long it takes, in milliseconds.
    var length: Int64
    var seed: Int64
    var mode: SandboxMode
    var textured: Bool
    var thumbnail: Bool
    /// What has to be said of the picture.
    var note: Note
    /// The shelf's name for the picture's bytes; empty for the built-in one.
    var picture: String

    enum Note: String, Sendable, CaseIterable {
        case none = "n"
        case unreachable = "u"
        case unreadable = "x"

        /// For people; nil when there is nothing to say.
        var sentence: String? {
            switch self {
            case .none: nil
            case .unreachable:
                "the sandbox could not fetch image_url and used its built-in picture instead"
            case .unreadable:
                "image_url is no PNG, JPEG or WebP that the sandbox can read; it used its built-in picture instead"
            }
        }
    }

    private static let version = "sb1"

    var id: String {
        let flags = (textured ? "t" : "g") + (thumbnail ? "p" : "0")
        return [
            Self.version, String(start, radix: 36), String(length, radix: 36), String(seed, radix: 36), mode.rawValue,
            flags, note.rawValue, picture,
        ].joined(separator: "-")
    }

    init(
        start: Int64, length: Int64, seed: Int64, mode: SandboxMode, textured: Bool, thumbnail: Bool, note: Note,
        picture: String
    ) {
        self.start = start
        self.length = length
        self.seed = seed
        self.mode = mode
        self.textured = textured
        self.thumbnail = thumbnail
        self.note = note
        self.picture = picture
    }

    init?(id: Substring) {
        let parts = id.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 8, parts[0] == Self.version, let start = Int64(parts[1], radix: 36), start >= 0,
            let length = Int64(parts[2], radix: 36), (0...86_400_000).contains(length),
            let seed = Int64(parts[3], radix: 36), seed >= 0, let mode = SandboxMode(rawValue: String(parts[4])),
            parts[5].utf8.count == 2, let note = Note(rawValue: String(parts[6])),
            parts[7].utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        else { return nil }
        self.init(
            start: start, length: length, seed: seed, mode: mode, textured: parts[5].first == "t",
            thumbnail: parts[5].last == "p", note: note, picture: String(parts[7]))
    }
}

/// What the sandbox does on demand, for those who test their own apps: by `metadata: {"sandbox": "fail"}`, or by the
/// picture URL's file name, such as `https://example.com/sandbox-fail.png`.
package enum SandboxMode: String, Sendable, CaseIterable {
    case normal
    /// Takes ten times as long.
    case slow
    /// Is accepted and fails halfway.
    case fail
    /// Is refused at once, as a bad picture is.
    case reject
    /// Answers 429, always.
    case busy
    /// Answers 503, always.
    case down
    /// Is accepted and never ends.
    case hang
    /// Finishes with a file that is no model.
    case broken

    /// By the value of `metadata.sandbox`, else by the file name of the picture's URL.
    init(asked: String?, url: String?) {
        if let asked, let mode = SandboxMode(rawValue: asked) {
            self = mode
            return
        }
        let name = (url ?? "").prefix { $0 != "?" && $0 != "#" }.split(separator: "/").last ?? ""
        let stem = name.prefix { $0 != "." }
        guard stem.hasPrefix("sandbox-") else {
            self = .normal
            return
        }
        self = SandboxMode(rawValue: String(stem.dropFirst(8))) ?? .normal
    }
}
