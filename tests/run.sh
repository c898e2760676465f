#!/bin/bash
# Runs the tests and closes with one line "N passed, N failed".
#   run.sh BUILD [quick]     programs of one build; with "quick" only they, else WebGPU, the command line, the tokenizer, the
#                            example, the wasm module, the package, the browsers and the page too
# Every program prints "NAME: N passed, N failed" last, see count.sh.
set -u
build=${1:?usage: run.sh BUILD [quick]}
quick=${2:-}
cd "$(dirname "$0")/.."
. tests/count.sh

# Tests on a GPU skip themselves unless they are told of a WebGPU library; software adapters are too slow for every build.
if [ -z "$quick" ] && found=$(tests/webgpu/env.sh); then eval "$found"; fi

for source in tests/unit/*.c tests/ops/*.c tests/golden/*.c tests/property/*.c; do
    [ -f "$source" ] || continue
    program=$build/${source%.c}
    quiet "${source#tests/}" "$program"
done
if [ -z "$quick" ]; then
    for script in tests/count_test.sh tests/cli/run.sh tests/examples/run.sh tests/tokenizer/run.sh tests/wasm/all.sh; do
        quiet "${script#tests/}" "$script" "$build"
    done
    # Long, and of many parts: what they print is of use while they run.
    export BUILD=$build
    part js/test/run.sh js/test/run.sh
    part web/test/run.sh web/test/run.sh --quick
fi
closing
