#!/bin/sh
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
passed=0
failed=0
for variant in simd128 relaxed; do
    for program in "$build"/wasm-tests/$variant/tests/ops/*.wasm; do
        output=$(node --no-warnings tests/wasm/wasi_run.mjs "$program" 2>&1)
        status=$?
        line=$(printf '%s\n' "$output" | grep -E '[0-9]+ passed, [0-9]+ failed' | tail -n 1)
        p=$(printf '%s' "$line" | sed -n 's/.*[^0-9]\([0-9][0-9]*\) passed.*/\1/p')
        f=$(printf '%s' "$line" | sed -n 's/.* \([0-9][0-9]*\) failed.*/\1/p')
        [ -n "$p" ] && [ -n "$f" ] || p=0 f=1
        if [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then f=1; fi
        passed=$((passed + p))
        failed=$((failed + f))
        [ "$f" -eq 0 ] || printf '%s\n' "$output" | tail -n 20
        echo "$variant: ${line:-${program##*/}: no result, exit status $status}"
    done
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
