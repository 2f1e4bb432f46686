import Domain

/// What a provider charges us, as far as it is published: for choosing the cheapest, and for the margin where its
/// answers name no cost.
package struct UpstreamPrices: Sendable, Hashable {
    package enum Unit: Sendable, Hashable { case microdollars, credits }

    /// What a provider's credit is taken to cost; the operator who pays otherwise sets `cost`.
    static let microdollarsPerCredit: Int64 = 10_000

    package let unit: Unit
    /// By resolution, then by texture size; 0 stands for geometry alone.
    let rows: [Int: [Int: Int64]]
    let thumbnail: Int64
    /// Whether it is a published price or only what jobs were seen to cost.
    package let isEstimate: Bool

    /// One price for a resolution, whatever the textures.
    static func microdollars(_ prices: [Int: Int64], isEstimate: Bool = false) -> UpstreamPrices {
        UpstreamPrices(
            unit: .microdollars, rows: prices.mapValues { [1024: $0, 2048: $0, 4096: $0] }, thumbnail: 0,
            isEstimate: isEstimate)
    }

    static func credits(_ rows: [Int: [Int: Int64]], thumbnail: Int64) -> UpstreamPrices {
        UpstreamPrices(unit: .credits, rows: rows, thumbnail: thumbnail, isEstimate: false)
    }

    /// The price of one result in the provider's own unit.
    package func price(of parameters: Parameters) -> Int64? {
        guard let row = rows[Int(parameters.integer(.resolution))] else { return nil }
        let sent = parameters.asSent
        let textured = row[Int(sent.integer(.textureSize))]
        let price = parameters.flag(.textures) ? textured : row[0] ?? textured
        return price.map { $0 + (parameters.flag(.generateThumbnail) ? thumbnail : 0) }
    }
}

extension Provider {
    /// What one result costs us in millionths of a US dollar, before the provider itself has said so.
    package func cost(of parameters: Parameters) -> Int64? {
        prices.price(of: parameters).map { prices.unit == .credits ? $0 * UpstreamPrices.microdollarsPerCredit : $0 }
    }
}

/// How long jobs take at a provider, before any was measured: decides when to look first.
package struct TypicalDurations: Sendable, Hashable {
    /// By resolution: geometry alone, and textured.
    let seconds: [Int: (geometry: Int, textured: Int)]

    init(_ seconds: [Int: (geometry: Int, textured: Int)]) { self.seconds = seconds }

    /// Where textures are always made.
    init(textured: [Int: Int]) { seconds = textured.mapValues { ($0, $0) } }

    package func typical(_ parameters: Parameters) -> Duration {
        typical(resolution: Int(parameters.integer(.resolution)), textures: parameters.flag(.textures))
    }

    package func typical(resolution: Int, textures: Bool) -> Duration {
        guard let row = seconds[resolution] else { return .seconds(60) }
        return .seconds(textures ? row.textured : row.geometry)
    }

    package static func == (left: Self, right: Self) -> Bool {
        left.seconds.mapValues { [$0.geometry, $0.textured] } == right.seconds.mapValues { [$0.geometry, $0.textured] }
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(seconds.mapValues { [$0.geometry, $0.textured] })
    }
}
