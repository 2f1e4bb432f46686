#!/bin/sh
# Fuzzes the readers of providers' answers with libFuzzer and AddressSanitizer:
#   Tests/fuzz/readers.sh [SECONDS, default 60] [further libFuzzer options]
# Begins with the fixtures of Tests/ProvidersTests; what it learns stays in .build, and what it finds becomes a fixture.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-60}
[ $# -gt 0 ] && shift
work=.build/fuzz-readers
mkdir -p "$work/corpus" "$work/seeds"

# One object a module; `package` reaches across them by the package's name.
build() {
    module=$1
    shift
    swiftc -swift-version 6 -O -g -wmo -parse-as-library -package-name fuzz -sanitize=fuzzer,address \
        -enable-upcoming-feature ExistentialAny -enable-upcoming-feature MemberImportVisibility -I "$work" \
        -module-name "$module" -emit-module -emit-module-path "$work/$module.swiftmodule" \
        -c "$@" -o "$work/$module.o"
}
build JSON Sources/JSON/*.swift
build HTTP Sources/HTTP/*.swift
build Domain Sources/Domain/*.swift
build Providers Sources/Providers/*.swift
build FuzzReaders Tests/fuzz/readers.swift
swiftc -use-ld=lld -sanitize=fuzzer,address "$work"/*.o -o "$work/fuzz"

python3 Tests/fuzz/readers-seeds.py "$work/seeds"
exec "$work/fuzz" -max_total_time="$seconds" -dict=Tests/fuzz/readers.dict -max_len=16384 -timeout=5 \
    -rss_limit_mb=1024 -artifact_prefix="$work/" -print_final_stats=1 "$@" "$work/corpus" "$work/seeds"
