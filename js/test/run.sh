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
passed=0 failed=0
out=$(mktemp) && trap 'rm -f "$out"' EXIT
started=$SECONDS

# Counts by the last line "N passed, N failed" of what a part printed; a part that ended without one has failed.
count() { # name status
    local line p f
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$out" | tail -n 1)
    p=${line%% *} f=${line#*, } f=${f%% *}
    [ -n "$line" ] || { p=0 f=1; }
    [ "$2" = 0 ] || [ "$f" != 0 ] || f=1
    passed=$((passed + p)) failed=$((failed + f))
    echo "== $1: $p passed, $f failed ($((SECONDS - started)) s since the start)"
}
part() { # name command...
    local name=$1 status
    shift
    "$@" 2>&1 | tee "$out"
    status=${PIPESTATUS[0]}
    count "$name" "$status"
}
node_tests() { # files...: prints failures and the closing line
    local status
    node --test --test-reporter=tap "$@" >"$out.tap" 2>&1
    status=$?
    # Failures with what follows them, up to the end of their block.
    awk '/^ *not ok/ { show = 1 } show { print } /^ *\.\.\.$/ { show = 0 }' "$out.tap"
    awk '/^# pass / { p = $3 } /^# fail / { f = $3 } /^# cancelled / { f += $3 } END { printf "%d passed, %d failed\n", p, f }' "$out.tap"
    rm -f "$out.tap"
    return $status
}
check() { # a command whose status alone counts
    if "$@"; then echo "1 passed, 0 failed"; else echo "0 passed, 1 failed"; return 1; fi
}

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

echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
