#!/bin/sh
# Everything that shows the wasm modules right: builds them, runs the tests of ops compiled to wasm, then the modules against the
# native program of BUILD. Closes with one line "N passed, N failed".
#   all.sh BUILD
set -u
build=${1:?usage: all.sh BUILD}
cd "$(dirname "$0")/../.."
passed=0
failed=0
count() { # a label, the output of a program, its exit status
    line=$(printf '%s\n' "$2" | grep -E '[0-9]+ passed, [0-9]+ failed' | tail -n 1)
    p=$(printf '%s' "$line" | sed -n 's/.*\b\([0-9][0-9]*\) passed.*/\1/p')
    f=$(printf '%s' "$line" | sed -n 's/.* \([0-9][0-9]*\) failed.*/\1/p')
    [ -n "$p" ] && [ -n "$f" ] || p=0 f=1
    if [ "$3" -ne 0 ] && [ "$f" -eq 0 ]; then f=1; fi
    [ "$f" -eq 0 ] || printf '%s\n' "$2" | tail -n 20
    echo "$1: $p passed, $f failed"
    passed=$((passed + p))
    failed=$((failed + f))
}
if output=$(make --no-print-directory -s wasm BUILD="$build" 2>&1); then
    printf '%s\n' "$output"
    output=$(timeout 200 sh tests/wasm/run.sh "$build" 2>&1)
    count ops "$output" $?
    output=$(timeout 90 node js/test/wasm_module.mjs --galago "$build/galago" 2>&1)
    count module "$output" $?
else
    count "make wasm" "$output" 1
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
