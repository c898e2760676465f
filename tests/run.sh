#!/bin/bash
# Runs the tests and closes with one line "N passed, N failed".
#   run.sh BUILD [quick]     programs of one build; with "quick" only they, else WebGPU, the command line, the tokenizer, the
#                            example, the wasm module, the package, the browsers and the page too
# Every program prints "NAME: N passed, N failed" last, see count.sh. As many run at once as there are processors, at least two:
# the longest begin first, and the two with browsers never beside each other, since they measure how long people wait.
set -u
build=${1:?usage: run.sh BUILD [quick]}
quick=${2:-}
cd "$(dirname "$0")/.." || exit 1
. tests/count.sh
. tests/queue.sh
export BUILD=$build
began=$SECONDS

if [ -z "$quick" ]; then
    # Tests on a GPU skip themselves unless they are told of a WebGPU library; software adapters are too slow for every build.
    if found=$(tests/webgpu/env.sh); then eval "$found"; fi
    queue browsers js/test/run.sh js/test/run.sh
    queue browsers web/test/run.sh web/test/run.sh --quick
    for script in tests/cli/run.sh tests/webgpu/f16.sh tests/tokenizer/run.sh tests/wasm/all.sh tests/examples/run.sh tests/count_test.sh; do
        queue any "${script#tests/}" "$script" "$build"
    done
fi
for source in tests/golden/*.c tests/ops/*.c tests/property/*.c tests/unit/*.c; do
    queue any "${source#tests/}" "$build/${source%.c}"
done
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
run_queue $((jobs > 2 ? jobs : 2))
echo "($((SECONDS - began)) s)"
closing
