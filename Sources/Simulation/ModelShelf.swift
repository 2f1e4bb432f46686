import GLB

/// The files that jobs give: made once, the same for all.
package struct ModelShelf: Sendable {
    package let webp: [UInt8]
    package let png: [UInt8]
    package let bare: [UInt8]
    package let thumbnail: [UInt8]

    /// `faces` and `side` choose how heavy they are.
    package init(faces: Int = 2000, side: Int = 128) {
        func build(_ texture: SampleModel.Texture) -> [UInt8] {
            (try? SampleModel.build(faces: faces, texture: texture, side: side, seed: 7)) ?? []
        }
        webp = build(.webp)
        png = build(.png)
        bare = build(.none)
        thumbnail = (try? Card.builtInPicture()) ?? []
    }
}
