#!/bin/sh
# Runs the server's tests under ThreadSanitizer: Tests/sanitize-threads.sh [FILTER, default HTTPServerTests].
# The descriptor and memory tests measure other processes and limits, which the sanitizer would only distort.
set -eu
cd "$(dirname "$0")/.."
export TSAN_OPTIONS="halt_on_error=1 suppressions=$PWD/Tests/threads.supp"
exec swift test --sanitize=thread --scratch-path .build/threads --no-parallel --filter "${1:-HTTPServerTests}" \
    --skip 'idle connections|out of file descriptors'
