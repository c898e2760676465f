#!/bin/bash
# All tests of the package: types, the store, Node.js, and the pages in Chromium, Firefox and WebKitGTK.
#
#   js/test/run.sh [--quick] [--long] [--browsers chromium,firefox,webkit,node]
#
# --quick leaves out what is slow; --long (or LONG=1) adds the thousand calls of the memory test and the software GPUs.
# Needs build/galago (make) and js/dist/galago.wasm (make wasm), and builds the rest. Says what is not installed.
# The last line is "N passed, N failed"; exit status 1 when something failed.
set -u
cd "$(dirname "$0")/.." || exit 1
quick= browsers=chromium,firefox,webkit,node
long=${LONG:+--long}
while [ $# -gt 0 ]; do
    case $1 in
    --quick) quick=--quick ;;
    --long) long=--long ;;
    --browsers) browsers=${2:?} && shift ;;
    *) sed -n '2,9p' test/run.sh; exit 2 ;;
    esac
    shift
done
. ../tests/count.sh

# npm's packages, from the lock files. (The browsers' folder is seen to by its own program.)
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    npm ci --loglevel=error --no-audit --no-fund || { echo "0 passed, 1 failed"; exit 1; }
    touch node_modules/.package-lock.json
fi
for needed in dist/galago.wasm:"make wasm" "../${BUILD:-build}/galago:make"; do
    [ -e "${needed%%:*}" ] || { echo "js/${needed%%:*} is not built: run ${needed#*:}"; echo "0 passed, 1 failed"; exit 1; }
done
part "package builds, within its budget of bytes" check node build.mjs
[ -d test/types ] && part "types" check npm run --silent check
part "store" node_tests test/store/*.test.mjs
if [ -e test/node/run.mjs ]; then part "Node.js" node test/node/run.mjs
elif ls test/node/*.test.mjs >/dev/null 2>&1; then part "Node.js" node_tests test/node/*.test.mjs; fi
part "browsers" node test/browser/run.mjs --browsers "$browsers" $quick $long

closing
