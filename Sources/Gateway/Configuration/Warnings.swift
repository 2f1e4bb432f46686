import Domain
import Providers

extension Configuration {
    /// What is allowed but probably not meant, for whoever starts or checks the gateway.
    package var warnings: [String] {
        var warnings: [String] = []
        let isOpen = listen.contains {
            !$0.hasPrefix("127.") && !$0.hasPrefix("localhost") && !$0.hasPrefix("[::1]") && !$0.hasPrefix("unix:")
        }
        if isOpen, publicURL == nil {
            warnings.append("public_url is not set: addresses of models will name this machine as itself, 127.0.0.1")
        }
        if isOpen, tls.certificate == nil, trustedProxies.isEmpty {
            warnings.append("keys travel in the clear: set tls, or put a proxy in front and name it in trusted_proxies")
        }
        let needPublicURL = Providers.Provider.all.filter { !$0.picture.takesBytes }.map(\.id)
        for id in needPublicURL where isEnabled(id) && publicURL == nil {
            warnings.append("\(id) takes pictures by address only; without public_url it can take none given as bytes")
        }
        for id in Self.providerIDs where id != .sandbox && providers[id]?.isEnabled != true && providers[id]?.key != nil
        {
            warnings.append("\(id) has a key but is not enabled; providers.\(id).enabled would do it")
        }
        if assets.mode == "passthrough" {
            warnings.append("assets.mode passthrough gives out providers' addresses, which end when they say so")
        }
        if network.http { warnings.append("network.http allows plain http to providers and webhook receivers") }
        if polling.scale != 1 { warnings.append("polling.scale \(polling.scale.plain) is meant for tests") }
        return warnings
    }

    /// How clients reach the gateway, when `port` is what the first listener got.
    package func reachableURL(port: UInt16) -> String {
        if let publicURL { return publicURL }
        let scheme = tls.certificate == nil ? "http" : "https"
        let first = listen.first { !$0.hasPrefix("unix:") } ?? ""
        let host = first.lastIndex(of: ":").map { String(first[..<$0]) } ?? ""
        let isEverywhere = ["", "0.0.0.0", "[::]", "localhost"].contains(host)
        return "\(scheme)://\(isEverywhere ? "127.0.0.1" : host):\(port)"
    }
}
