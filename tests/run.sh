#!/bin/sh
# Runs the tests and closes with one line "N passed, N failed".
#   run.sh BUILD [quick]     programs of one build; with "quick" only they, else WebGPU, the command line, the tokenizer, the
#                            example, the wasm module, the package, the browsers and the page too
# Every program prints "NAME: N passed, N failed" last; a program that ends otherwise counts as one failure.
set -u
build=${1:?usage: run.sh BUILD [quick]}
quick=${2:-}
cd "$(dirname "$0")/.."
passed=0
failed=0

count() { # a label and the output of a program that has ended with status $3
    line=$(printf '%s\n' "$2" | grep -E '[0-9]+ passed, [0-9]+ failed' | tail -n 1)
    p=$(printf '%s' "$line" | sed -n 's/.*[^0-9]*\b\([0-9][0-9]*\) passed.*/\1/p')
    f=$(printf '%s' "$line" | sed -n 's/.* \([0-9][0-9]*\) failed.*/\1/p')
    if [ -z "$p" ] || [ -z "$f" ]; then
        p=0
        f=1
    fi
    if [ "$3" -ne 0 ] && [ "$f" -eq 0 ]; then f=1; fi
    passed=$((passed + p))
    failed=$((failed + f))
    if [ "$f" -ne 0 ]; then
        printf '%s\n' "$2" | tail -n 40
        echo "FAILED $1 (exit status $3)"
    else
        printf '%-32s %6d passed\n' "$1" "$p"
    fi
}

run() { # label, command...
    label=$1
    shift
    output=$("$@" 2>&1)
    count "$label" "$output" $?
}

# Tests on a GPU skip themselves unless they are told of a WebGPU library; software adapters are too slow for every build.
if [ -z "$quick" ] && found=$(tests/webgpu/env.sh); then eval "$found"; fi

for source in tests/unit/*.c tests/ops/*.c tests/golden/*.c tests/property/*.c; do
    [ -f "$source" ] || continue
    program=$build/${source%.c}
    run "${source#tests/}" "$program"
done
if [ -z "$quick" ]; then
    for script in tests/cli/run.sh tests/examples/run.sh tests/tokenizer/run.sh tests/wasm/all.sh; do
        [ -f "$script" ] && run "${script#tests/}" sh "$script" "$build"
    done
    # Long, and of many parts: what they print is of use while they run.
    for script in "js/test/run.sh" "web/test/run.sh --quick"; do
        # shellcheck disable=SC2086
        BUILD=$build bash $script 2>&1 | tee "$build/script.log"
        output=$(cat "$build/script.log")
        case $output in *" passed, 0 failed") count "$script" "$output" 0 ;; *) count "$script" "$output" 1 ;; esac
    done
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
