import Domain
import HTTP

/// Addresses of kept files that carry their own proof: whoever has one may read that file until it expires, and
/// needs no key. The same file, name and end always make the same address, so a status answer can be cached.
package struct SignedLinks: Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        /// What customers get: models and thumbnails.
        case assets
        /// What providers fetch: the pictures of requests.
        case inputs
    }

    /// Scheme, host and perhaps a path, without a slash at the end.
    package let publicURL: String
    private let sign: @Sendable ([UInt8]) -> [UInt8]

    /// `sign` is HMAC-SHA-256 with a key of the gateway's own.
    package init(publicURL: String, sign: @escaping @Sendable ([UInt8]) -> [UInt8]) {
        self.publicURL = publicURL
        self.sign = sign
    }

    /// What an address grants: one file, under one name, until one moment.
    package struct Grant: Hashable, Sendable {
        package let kind: Kind
        /// `<sha256>.<extension>`: the last part of the path.
        package let file: String
        /// What a browser saves it as.
        package let name: String
        /// Seconds since 1970.
        package let expires: Int64

        package var sha256: Substring { file.prefix(64) }
    }

    package func address(of grant: Grant) -> String {
        "\(publicURL)/v1/\(grant.kind.rawValue)/\(grant.file)?expires=\(grant.expires)"
            + "&name=\(PercentCoding.encode(grant.name))&signature=\(signature(of: grant))"
    }

    /// The grant that a request's path and query prove; nil when they prove nothing.
    func proven(_ kind: Kind, file: String, target: RequestTarget) -> Grant? {
        let items = target.queryItems
        func value(_ name: String) -> String? { items.first { $0.name == name }?.value }
        guard let expires = value("expires").flatMap({ Int64($0) }), let given = value("signature") else { return nil }
        let grant = Grant(kind: kind, file: file, name: value("name") ?? "", expires: expires)
        return Self.areEqual(Array(given.utf8), Array(signature(of: grant).utf8)) ? grant : nil
    }

    private func signature(of grant: Grant) -> String {
        let message = "\(grant.kind.rawValue)\n\(grant.file)\n\(grant.name)\n\(grant.expires)"
        return API.hexadecimal(sign(Array(message.utf8)))
    }

    /// Takes as long for a wrong signature as for a right one.
    private static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}

extension SignedLinks {
    /// Where a finished file of a task can be fetched.
    func asset(_ asset: Asset, of task: GenerationTask, _ slot: Slot) -> String {
        switch asset.place {
        case .upstream(let url): return url
        case .kept(let sha256):
            let end = asset.kind == .model ? "glb" : "png"
            let resolution = task.request.parameters.integer(.resolution)
            let mark = slot.seedInUse.map { "\($0)" } ?? "\(task.id)_\(slot.index)"
            return address(
                of: Grant(
                    kind: .assets, file: "\(sha256).\(end)", name: "trellis2_\(resolution)_\(mark).\(end)",
                    expires: (task.expiresAt ?? task.deadline).secondsSince1970))
        }
    }

    /// Where a provider fetches the picture of a request, until `end`.
    package func input(_ picture: KeptPicture, until end: Instant) -> String {
        let file = "\(picture.sha256).\(picture.format.rawValue)"
        return address(of: Grant(kind: .inputs, file: file, name: "", expires: end.secondsSince1970))
    }
}
