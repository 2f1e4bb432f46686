/// The glTF extensions that are known here, by what they mean for reading a model.
enum Extension {
    /// Only looks: whoever leaves them away loses no geometry.
    case looks
    /// Integer positions and normals (KHR_mesh_quantization).
    case quantization
    /// The geometry is there only in a compressed form.
    case compression
    /// Copies of a mesh whose places are in accessors.
    case instancing

    static let draco = "KHR_draco_mesh_compression"
    static let meshopt = ["EXT_meshopt_compression", "KHR_meshopt_compression"]
    static let quantized = "KHR_mesh_quantization"
    static let webp = "EXT_texture_webp"
    static let transform = "KHR_texture_transform"

    static func named(_ name: String) -> Extension? {
        switch name {
        case quantized: .quantization
        case draco, meshopt[0], meshopt[1]: .compression
        case "EXT_mesh_gpu_instancing": .instancing
        case webp, transform, "KHR_texture_basisu", "EXT_texture_avif", "MSFT_texture_dds", "KHR_lights_punctual",
            "KHR_xmp_json_ld", "KHR_xmp", "KHR_animation_pointer", "EXT_lights_image_based":
            .looks
        case let name where name.hasPrefix("KHR_materials_"): .looks
        default: nil
        }
    }
}

extension JSONPart {
    /// Whether meshopt's compression is said here, by either of its names.
    func hasMeshopt() throws(GLBFault) -> Bool {
        for name in Extension.meshopt where try ext(name) != nil { return true }
        return false
    }
}
