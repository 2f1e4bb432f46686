#!/bin/sh
# Fuzzes the HTTP parser with libFuzzer and AddressSanitizer: Tests/fuzz/http.sh [SECONDS, default 30].
# The corpus grows under .build/fuzz-http; what is worth keeping is merged into Tests/fuzz/http-corpus by hand:
#   .build/fuzz-http/fuzz -merge=1 Tests/fuzz/http-corpus .build/fuzz-http/corpus
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-30}
out=.build/fuzz-http
mkdir -p $out/corpus
server=Sources/HTTPServer
python3 Tests/fuzz/http-seeds.py $out/corpus
# One module, so the imports between the two targets go.
mkdir -p $out/sources
for file in Sources/HTTP/*.swift $server/RequestParser.swift $server/TargetForm.swift $server/HostSyntax.swift \
    $server/Framing.swift $server/ChunkedDecoder.swift $server/Refusal.swift $server/ServerLimits.swift \
    $server/ForwardedClient.swift $server/ListenAddress.swift Tests/fuzz/http.swift; do
    sed '/^import HTTP$/d' "$file" > "$out/sources/$(basename "$file")"
done
swiftc -swift-version 6 -package-name fuzz -module-name FuzzHTTP -parse-as-library -O -g \
    -sanitize=fuzzer,address -enable-upcoming-feature ExistentialAny $out/sources/*.swift -o $out/fuzz
# The runtime's own crash report gets in the way of the sanitizer's.
export SWIFT_BACKTRACE=enable=no
$out/fuzz -max_total_time="$seconds" -max_len=2048 -timeout=5 -rss_limit_mb=2048 -dict=Tests/fuzz/http.dict \
    -artifact_prefix=$out/ -print_final_stats=1 $out/corpus Tests/fuzz/http-corpus
