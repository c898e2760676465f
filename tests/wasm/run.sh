#!/bin/bash
# Builds the tests of ops for WebAssembly and runs them in Node, once with SIMD and once with relaxed SIMD too; closes with one line
# "N passed, N failed".
#   run.sh BUILD
set -u
build=${1:?usage: run.sh BUILD}
cd "$(dirname "$0")/../.."
if ! make --no-print-directory -s -f tests/wasm/Makefile BUILD="$build" tests; then
    echo "tests/wasm: the tests cannot be built (clang-19, lld-19, wasi-libc and libclang-rt-19-dev-wasm32 are needed)"
    echo "0 passed, 1 failed"
    exit 1
fi
. tests/count.sh
for variant in simd128 relaxed; do
    for program in "$build"/wasm-tests/$variant/tests/ops/*.wasm; do
        name=${program##*/}
        quiet "$variant ${name%.wasm}" node --no-warnings tests/wasm/wasi_run.mjs "$program"
    done
done
closing
