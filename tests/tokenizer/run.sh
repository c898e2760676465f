#!/bin/sh
# Compares the tokenizer with an independent one. Usage: run.sh [BUILD]; installs npm packages into BUILD/tokenizer once.
set -eu
cd "$(dirname "$0")/../.."
build=${1:-build}
work=$build/tokenizer
mkdir -p "$work"
if ! cmp -s tests/tokenizer/package-lock.json "$work/installed"; then
    cp tests/tokenizer/package.json tests/tokenizer/package-lock.json "$work"
    (cd "$work" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >npm.log 2>&1) || {
        cat "$work/npm.log"
        echo "npm could not install the packages to compare with (is there a network?)"
        echo "tokenizer comparison: 0 passed, 1 failed"
        exit 1
    }
    cp tests/tokenizer/package-lock.json "$work/installed"
fi
make --no-print-directory -s BUILD="$build" "$build/tests/tokenizer/encode"
node tests/tokenizer/compare.mjs "$PWD/$build/tests/tokenizer/encode" "$PWD/$work"
