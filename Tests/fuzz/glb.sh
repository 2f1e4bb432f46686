#!/bin/sh
# Fuzzes the GLB room with libFuzzer and AddressSanitizer:  Tests/fuzz/glb.sh [SECONDS] [further libFuzzer options]
# Begins with the models of Tests/GLBTests and the hostile files of Tests/blackbox; what it learns stays in .build, and
# what it finds goes to glb_hostile.py.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-600}
[ $# -gt 0 ] && shift
work=.build/fuzz-glb
mkdir -p "$work/corpus" "$work/seeds"

# One object a module; `package` reaches across them by the package's name.
build() {
    module=$1
    shift
    swiftc -swift-version 6 -O -g -wmo -parse-as-library -package-name fuzz -sanitize=fuzzer,address \
        -enable-upcoming-feature ExistentialAny -enable-upcoming-feature MemberImportVisibility \
        -I "$work" -I Sources/CPNG -I Sources/CTurboJPEG -I Sources/CWebP \
        -module-name "$module" -emit-module -emit-module-path "$work/$module.swiftmodule" \
        -c "$@" -o "$work/$module.o"
}
build JSON Sources/JSON/*.swift
build GLB $(find Sources/GLB -name '*.swift')
build FuzzGLB Tests/fuzz/glb.swift
swiftc -use-ld=lld -sanitize=fuzzer,address "$work"/JSON.o "$work"/GLB.o "$work"/FuzzGLB.o -lpng -lturbojpeg -lwebp -o "$work/fuzz"

python3 Tests/fuzz/glb-seeds.py "$work/seeds"
# A model that a few kilobytes describe may cost what these limits allow, and no more.
exec "$work/fuzz" -max_total_time="$seconds" -dict=Tests/fuzz/glb.dict -max_len=65536 -timeout=10 -rss_limit_mb=600 \
    -artifact_prefix="$work/" -print_final_stats=1 "$@" "$work/corpus" "$work/seeds"
