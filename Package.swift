// swift-tools-version: 6.2
// The house: one target a room, one arrow a line. What is not listed here cannot be imported:
// the Makefile builds with --explicit-target-dependency-import-check error.
import PackageDescription

let house: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

func room(_ name: String, imports: [String] = [], path: String? = nil, embed: [String] = []) -> Target {
    .target(
        name: name, dependencies: imports.map { .init(stringLiteral: $0) }, path: path,
        resources: embed.map { .embedInCode(.init(stringLiteral: $0)) }, swiftSettings: house)
}

/// A room of inner loops over millions of numbers: without the optimiser a thumbnail takes ten seconds, and with it
/// every test and every debug run that draws one stays quick.
func workshop(_ name: String, imports: [String]) -> Target {
    .target(
        name: name, dependencies: imports.map { .init(stringLiteral: $0) },
        swiftSettings: house + [.unsafeFlags(["-O"], .when(configuration: .debug))])
}

func program(_ name: String, imports: [String], path: String? = nil) -> Target {
    .executableTarget(
        name: name, dependencies: imports.map { .init(stringLiteral: $0) }, path: path, swiftSettings: house)
}

func tests(_ room: String, imports: [String] = [], fixtures: [String] = []) -> Target {
    .testTarget(
        name: room + "Tests", dependencies: ([room] + imports).map { .init(stringLiteral: $0) },
        resources: fixtures.map { .copy($0) }, swiftSettings: house)
}

func library(_ name: String, pkgConfig: String, apt: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([apt])])
}

let package = Package(
    name: "trellis-gateway",
    products: [
        .executable(name: "trellis-gateway", targets: ["CLI"]),
        .executable(name: "provider-simulator", targets: ["ProviderSimulator"]),
    ],
    targets: [
        library("CSQLite", pkgConfig: "sqlite3", apt: "libsqlite3-dev"),
        library("CCurl", pkgConfig: "libcurl", apt: "libcurl4-openssl-dev"),
        library("COpenSSL", pkgConfig: "openssl", apt: "libssl-dev"),
        library("CPNG", pkgConfig: "libpng", apt: "libpng-dev"),
        library("CTurboJPEG", pkgConfig: "libturbojpeg", apt: "libturbojpeg0-dev"),
        library("CWebP", pkgConfig: "libwebp", apt: "libwebp-dev"),
        .systemLibrary(name: "CLinux"),

        room("JSON"),
        room("Domain"),
        room("HTTP"),
        room("Defaults", path: "config", embed: ["gateway.json5"]),
        room(
            "Migrations", path: "migrations",
            embed: [
                "0001_accounts.sql", "0002_tasks.sql", "0003_ledger.sql", "0004_webhooks.sql", "0005_operations.sql",
                "0006_lists.sql", "0007_budgets.sql",
            ]),

        room("Files", imports: ["COpenSSL"]),
        room("HTTPServer", imports: ["HTTP", "CLinux", "COpenSSL"]),
        room("HTTPClient", imports: ["HTTP", "CCurl", "CLinux"]),
        workshop("GLB", imports: ["JSON", "CPNG", "CTurboJPEG", "CWebP"]),
        room("Store", imports: ["JSON", "Domain", "Migrations", "CSQLite", "COpenSSL"]),
        room("Providers", imports: ["JSON", "Domain", "HTTP"]),
        room("Sandbox", imports: ["JSON", "HTTP", "GLB"]),

        room("API", imports: ["JSON", "Domain", "Files", "HTTP", "Store", "Providers"]),
        room("Work", imports: ["JSON", "Domain", "Files", "HTTP", "HTTPClient", "Store", "Providers", "GLB"]),
        room("Webhooks", imports: ["JSON", "Domain", "HTTP", "HTTPClient", "Store", "COpenSSL"]),
        room(
            "Gateway",
            imports: [
                "API", "CLinux", "COpenSSL", "Defaults", "Domain", "Files", "GLB", "HTTP", "HTTPClient", "HTTPServer",
                "JSON", "Providers", "Sandbox", "Store", "Webhooks", "Work",
            ]),
        program("CLI", imports: ["Domain", "Gateway", "JSON"]),
        room("Simulation", imports: ["JSON", "GLB", "HTTP", "COpenSSL"]),
        program("ProviderSimulator", imports: ["HTTP", "HTTPServer", "HTTPClient", "Simulation"]),

        program("hello", imports: ["HTTP", "HTTPServer"], path: "examples/hello"),
        program("bench-store", imports: ["CSQLite", "Domain", "Migrations", "Store"], path: "bench/store"),
        program("bench-http-pace", imports: ["HTTP"], path: "bench/http-pace"),
        program("bench-http-server", imports: ["JSON", "HTTP", "HTTPServer"], path: "bench/http-server"),
        program("bench-http-client", imports: ["HTTP", "HTTPClient"], path: "bench/http-client"),

        room("Corpus", path: "Tests/Corpus"),
        program("GLBProbe", imports: ["GLB", "JSON"], path: "Tests/GLBProbe"),
        tests("JSON", imports: ["Corpus"]),
        tests("Domain"),
        tests("HTTP", imports: ["Corpus", "JSON"]),
        tests("Files"),
        tests("HTTPServer", imports: ["Corpus", "JSON", "HTTP"]),
        tests("HTTPClient", imports: ["HTTP", "HTTPServer"]),
        tests("GLB", imports: ["JSON"], fixtures: ["models", "references"]),
        tests("Store", imports: ["JSON", "Domain", "Migrations", "CSQLite"]),
        tests(
            "Providers", imports: ["COpenSSL", "Corpus", "Domain", "GLB", "HTTP", "JSON", "Simulation"],
            fixtures: ["Fixtures"]),
        tests("Sandbox", imports: ["JSON", "HTTP", "GLB"]),
        tests("API", imports: ["COpenSSL", "Domain", "Files", "HTTP", "JSON", "Store", "Providers"]),
        tests(
            "Work",
            imports: ["JSON", "Domain", "Files", "GLB", "HTTP", "HTTPClient", "Store", "Providers", "Simulation"]),
        tests("Webhooks", imports: ["JSON", "Domain", "HTTP", "HTTPClient", "Store"]),
        tests("Gateway", imports: ["JSON", "Defaults", "Domain", "HTTP", "Store"]),
    ]
)
