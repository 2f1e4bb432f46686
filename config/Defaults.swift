/// The file beside this one, as it was when the program was built: every setting, commented, with its default.
package enum Defaults {
    package static let bytes: [UInt8] = PackageResources.gateway_json5
}
