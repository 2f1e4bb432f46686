extension Gateway {
    package static func run(
        _ configuration: Configuration,
        reload: @escaping @Sendable () throws(ConfigurationFailure) -> Configuration,
        tell: @escaping @Sendable (String) -> Void
    ) async -> Ending {
        .couldNotStart("the rooms are being joined")
    }

    package static func administer(
        _ configuration: Configuration, method: String, target: String, body: [UInt8]
    ) async throws -> (status: Int, body: [UInt8]) { (503, []) }

    package static func restore(_ file: String, into configuration: Configuration) throws -> String? { nil }

    package static func migrate(_ configuration: Configuration, dryRun: Bool) throws -> [String] { [] }
}
