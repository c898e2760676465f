#!/bin/bash
# Everything that shows the wasm modules right: builds them, runs the tests of ops compiled to wasm, then the modules against the
# native program of BUILD. Closes with one line "N passed, N failed".
#   all.sh BUILD
set -u
build=${1:?usage: all.sh BUILD}
cd "$(dirname "$0")/../.."
. tests/count.sh
quiet "make wasm" check make --no-print-directory -s wasm BUILD="$build"
if [ "$failed" -eq 0 ]; then
    quiet ops timeout 900 tests/wasm/run.sh "$build"
    quiet module timeout 600 node js/test/wasm_module.mjs --galago "$build/galago"
fi
closing
