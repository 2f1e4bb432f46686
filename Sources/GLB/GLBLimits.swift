/// What reading one model file may cost. The figures follow from the largest model that TRELLIS.2 can make:
/// 16 777 216 faces, the limit of its rasteriser.
package struct GLBLimits: Sendable {
    /// The largest model is about 0.9 GB with its textures.
    package var fileBytes = 2 << 30
    /// TRELLIS.2 writes 2 KB of JSON; a scene of ten thousand parts has about 5 MB.
    package var jsonBytes = 16 << 20
    /// Values in the JSON, which bound the memory that reading it takes: about 60 MB.
    package var jsonValues = 500_000
    /// Three for each of the largest model's faces, for a file that shares no vertex.
    package var vertices = 3 << 24
    package var faces = 1 << 24
    /// Memory for geometry while normals are computed or a thumbnail is drawn. Checking and copying need none.
    package var workingBytes = 1 << 30
    /// Samples that drawing may touch: five hundred full screens. A model seen from outside touches a handful.
    package var drawnSamples = 1 << 30
    package var texture = Picture.Limits()
    /// A picture's bytes as they stand in the file.
    package var textureBytes = 128 << 20

    package init() {}
}
