import HTTPServer

/// What the command line says.
struct Options {
    var listeners: [ServerConfiguration.Listener] = []
    var certificate: String?
    var key: String?
    var timeScale = 1.0
    var keys: [String: Set<String>] = [:]
    var faces = 2000
    var textureSide = 256
    var signingSeed: [UInt8]?
    var wantsHelp = false

    struct Complaint: Error {
        let message: String
    }

    static let help = """
        provider-simulator: plays 3D AI Studio, Pixazo, EmpirioLabs, Runware and fal.ai on one address.

        Point each provider's base_url here (scheme, host and port; the paths tell them apart). Any key is taken if it is
        shown the way that provider wants it. Jobs take as long as the real ones; --time-scale makes them shorter.

          --listen ADDRESS        host:port or unix:/path; port 0 takes a free one. May be given several times.
                                  Default 127.0.0.1:9090.
          --listen-tls ADDRESS    the same over TLS, with --certificate FILE and --key FILE (PEM)
          --time-scale NUMBER     multiplies every time there is: 0.01 makes a job of 40 s take 0.4 s. Default 1.
          --keys ID=KEY[,KEY…]    the keys a provider takes and no others; may be given for each
          --faces NUMBER          faces of the models. Default 2000.
          --texture-side NUMBER   pixels of their textures. Default 256.
          --signing-seed HEX      32 bytes: the Ed25519 key fal's webhooks are signed with. Default: RFC 8032's test key 1.

        The first line printed for each listener is its address. Control it at /_control (see docs/provider-simulator.md):
          curl -s HOST/_control                                          what was asked, bought and paid
          curl -s HOST/_control/faults -d '{"provider":"fal","route":"submit","status":503,"times":2}'
          curl -s HOST/_control/settings -d '{"time_scale":0.01}'
          curl -s -X POST HOST/_control/reset

        """

    init(_ arguments: [String]) throws(Complaint) {
        var rest = arguments[...]
        while let name = rest.popFirst() {
            if name == "--help" || name == "-h" {
                wantsHelp = true
                return
            }
            guard let value = rest.popFirst() else { throw Complaint(message: "\(name) needs a value (see --help)") }
            try take(name, value)
        }
        if listeners.isEmpty { try take("--listen", "127.0.0.1:9090") }
        if listeners.contains(where: \.usesTLS), certificate == nil || key == nil {
            throw Complaint(message: "--listen-tls needs --certificate and --key")
        }
    }

    private mutating func take(_ name: String, _ value: String) throws(Complaint) {
        switch name {
        case "--listen", "--listen-tls":
            guard let address = ListenAddress(value) else {
                throw Complaint(message: "\(name) \(value) is no address; write host:port or unix:/path")
            }
            listeners.append(.init(address, usesTLS: name == "--listen-tls"))
        case "--certificate": certificate = value
        case "--key": key = value
        case "--time-scale":
            guard let scale = Double(value), scale > 0, scale <= 1000 else {
                throw Complaint(message: "--time-scale must be a number above 0; got \(value)")
            }
            timeScale = scale
        case "--keys":
            let parts = value.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { throw Complaint(message: "--keys wants ID=KEY; got \(value)") }
            keys[String(parts[0]), default: []].formUnion(parts[1].split(separator: ",").map { String($0) })
        case "--faces": faces = try number(name, value, 2...5_000_000)
        case "--texture-side": textureSide = try number(name, value, 1...4096)
        case "--signing-seed":
            let digits = Array(value)
            let bytes = stride(from: 0, to: digits.count - 1, by: 2).compactMap {
                UInt8(String(digits[$0...$0 + 1]), radix: 16)
            }
            guard bytes.count == 32, digits.count == 64 else {
                throw Complaint(message: "--signing-seed wants 64 hexadecimal digits")
            }
            signingSeed = bytes
        default: throw Complaint(message: "\(name) is no option (see --help)")
        }
    }

    private func number(_ name: String, _ value: String, _ range: ClosedRange<Int>) throws(Complaint) -> Int {
        guard let number = Int(value), range.contains(number) else {
            throw Complaint(
                message: "\(name) must be a number from \(range.lowerBound) to \(range.upperBound); got \(value)")
        }
        return number
    }
}
