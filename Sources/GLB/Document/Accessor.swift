/// A typed view of numbers in the binary chunk (glTF 2.0, 3.6.2).
struct Accessor {
    enum Component: Int {
        case byte = 5120
        case unsignedByte = 5121
        case short = 5122
        case unsignedShort = 5123
        case unsignedInt = 5125
        case float = 5126

        var size: Int {
            switch self {
            case .byte, .unsignedByte: 1
            case .short, .unsignedShort: 2
            case .unsignedInt, .float: 4
            }
        }
    }

    enum Shape: String {
        case scalar = "SCALAR"
        case vec2 = "VEC2"
        case vec3 = "VEC3"
        case vec4 = "VEC4"
        case mat2 = "MAT2"
        case mat3 = "MAT3"
        case mat4 = "MAT4"

        var components: Int {
            switch self {
            case .scalar: 1
            case .vec2: 2
            case .vec3: 3
            case .vec4, .mat2: 4
            case .mat3: 9
            case .mat4: 16
            }
        }

        /// A matrix's columns each begin at a multiple of four bytes.
        func size(of component: Component) -> Int {
            let column = { (rows: Int) in (rows * component.size + 3) / 4 * 4 }
            return switch self {
            case .mat2: 2 * column(2)
            case .mat3: 3 * column(3)
            case .mat4: 4 * column(4)
            default: components * component.size
            }
        }
    }

    /// Elements that replace those of the view: `count` indices in rising order, and as many values.
    struct Sparse {
        let count: Int
        let indices: Source
        let indexComponent: Component
        let values: Source
    }

    /// A place in a buffer view; without one, the elements are zero.
    struct Source {
        let view: Int
        let offset: Int
    }

    let index: Int
    let source: Source?
    let component: Component
    let shape: Shape
    var isNormalized: Bool
    let count: Int
    let minimum: [Double]?
    let maximum: [Double]?
    let sparse: Sparse?

    var elementSize: Int { shape.size(of: component) }
    var path: String { "accessors[\(index)]" }
}

/// A run of bytes of a buffer (glTF 2.0, 3.6.1).
struct BufferView {
    let buffer: Int
    let offset: Int
    let length: Int
    /// The distance from one vertex to the next, where it is not the vertex's own size.
    let stride: Int?
    /// Its bytes stand elsewhere, in a compressed form.
    let isCompressed: Bool
}
