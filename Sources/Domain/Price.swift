/// What a request costs: resolution by texture size, plus the thumbnail, times the number of results.
/// The table is the operator's; `standard` is what 3D AI Studio charges.
package struct PriceTable: Hashable, Sendable {
    /// One row a resolution.
    package struct Row: Hashable, Sendable {
        package var geometry: Credits
        package var textured: [Int: Credits]

        package init(geometry: Credits, textured: [Int: Credits]) {
            self.geometry = geometry
            self.textured = textured
        }
    }

    package var rows: [Int: Row]
    package var thumbnail: Credits

    package init(rows: [Int: Row], thumbnail: Credits) {
        self.rows = rows
        self.thumbnail = thumbnail
    }

    package static let standard = PriceTable(
        rows: [
            512: Row(geometry: 15, textured: [1024: 25, 2048: 25, 4096: 30]),
            1024: Row(geometry: 20, textured: [1024: 30, 2048: 30, 4096: 40]),
            1536: Row(geometry: 25, textured: [1024: 40, 2048: 40, 4096: 55]),
        ],
        thumbnail: 2)

    /// The price of one result, by charge; nil if the table has no such cell.
    package func charges(for parameters: Parameters) -> [Charge.Item: Credits]? {
        guard let row = rows[Int(parameters.integer(.resolution))] else { return nil }
        let model: Credits?
        if parameters.flag(.textures) {
            model = row.textured[Int(parameters.integer(.textureSize))]
        } else {
            model = row.geometry
        }
        guard let model else { return nil }
        return parameters.flag(.generateThumbnail) ? [.model: model, .thumbnail: thumbnail] : [.model: model]
    }
}

/// One held amount of one slot. A thumbnail is a charge of its own, so that it can come back alone.
package struct Charge: Hashable, Sendable {
    package enum Item: String, Sendable, CaseIterable { case model, thumbnail }

    package let slot: Int
    package let item: Item
    package let amount: Credits

    package init(slot: Int, item: Item, amount: Credits) {
        self.slot = slot
        self.item = item
        self.amount = amount
    }
}
