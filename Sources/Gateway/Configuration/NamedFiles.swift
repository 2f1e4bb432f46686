import HTTPServer

extension Configuration {
    /// What is wrong with the files that settings name, found before anything is begun with them.
    func faultsInFiles() -> [ConfigurationFault] {
        var faults: [ConfigurationFault] = []
        func fault(_ key: String, _ message: String) {
            faults.append(
                ConfigurationFault(origin: effective.first { $0.key == key }?.origin, key: key, message: message))
        }
        if let path = network.caBundle {
            if let bytes = Self.contents(of: path) {
                let begin = Array("-----BEGIN ".utf8)
                let isPEM = bytes.indices.contains { bytes[$0...].starts(with: begin) }
                if !isPEM { fault("network.ca_bundle", "\(path) holds no certificates in PEM") }
            } else {
                fault("network.ca_bundle", "cannot read the file \(path)")
            }
        }
        if let certificate = tls.certificate, let key = tls.key {
            let files = ServerConfiguration.TLS(certificatePath: certificate, keyPath: key)
            if let objection = files.objection() {
                fault(objection.isToKey ? "tls.key" : "tls.certificate", objection.why)
            }
        }
        return faults
    }
}
