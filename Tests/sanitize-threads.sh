#!/usr/bin/env bash
# Runs the server's tests under ThreadSanitizer: Tests/sanitize-threads.sh [FILTER, default HTTPServerTests].
# A package of its own is laid out in .build/threads with links to the rooms that these tests need, because a build with
# the sanitizer shares nothing with the usual one, and the whole house would take minutes.
# Left out: the descriptor and memory tests, which measure other processes and limits that the sanitizer would only
# distort, the parser's every-offset cases, which are one thread's work, and the example's own process. Not in parallel:
# the sanitizer is slow enough to make tests wait for each other beyond their time.
set -euo pipefail
cd "$(dirname "$0")/.."
package=.build/threads/package
mkdir -p $package/Sources $package/Tests
for room in CLinux COpenSSL HTTP HTTPServer JSON; do ln -sfn "$PWD/Sources/$room" $package/Sources/$room; done
for room in Corpus HTTPServerTests; do ln -sfn "$PWD/Tests/$room" $package/Tests/$room; done
# The tests look for files of the project beside them.
for folder in Tests/*; do
    [ -e "$package/$folder" ] || ln -sfn "$PWD/$folder" "$package/$folder"
done
cat >$package/Package.swift <<'END'
// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6), .enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("MemberImportVisibility"),
]
let package = Package(
    name: "trellis-gateway",
    targets: [
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl"),
        .systemLibrary(name: "CLinux"),
        .target(name: "JSON", swiftSettings: settings),
        .target(name: "HTTP", swiftSettings: settings),
        .target(name: "HTTPServer", dependencies: ["HTTP", "CLinux", "COpenSSL"], swiftSettings: settings),
        .target(name: "Corpus", path: "Tests/Corpus", swiftSettings: settings),
        .testTarget(
            name: "HTTPServerTests", dependencies: ["HTTPServer", "Corpus", "JSON", "HTTP"], swiftSettings: settings),
    ]
)
END
export TSAN_OPTIONS="halt_on_error=1 suppressions=$PWD/Tests/threads.supp"
exec swift test --package-path $package --scratch-path .build/threads/build --sanitize=thread --no-parallel \
    --filter "${1:-HTTPServerTests}" --skip 'idle connections|out of file descriptors|at every offset|hello-world'
