#!/bin/bash
# All tests of the page: its parts in Node.js, and the page itself in Chromium, Firefox and WebKitGTK.
#
#   web/test/run.sh [--quick] [--long] [--browsers chromium,firefox,webkit] [--suite NAME,…] [--only TEXT] [--facts] [--pictures]
#
# --quick is what `make test` runs, within four minutes on two cores; without it the other browsers get the slow suites too, and
# --long (or LONG=1) adds what takes minutes. --pictures makes the pictures of the README (docs/pictures) and tests nothing.
# Needs build/galago (make) and js/dist (make js), and builds the page into build/web-test. Pictures of every view and the trace of
# an answer are left in build/web-shots. The last line is "N passed, N failed"; exit status 1 when something failed.
set -u
cd "$(dirname "$0")/../.." || exit 1
options=() pictures= suite=
while [ $# -gt 0 ]; do
    case $1 in
    --quick | --long | --facts) options+=("$1") ;;
    --browsers | --only) options+=("$1" "${2:?}") && shift ;;
    --suite) options+=("$1" "${2:?}") && suite=$2 && shift ;;
    --pictures) pictures=1 ;;
    *) sed -n '2,11p' web/test/run.sh; exit 2 ;;
    esac
    shift
done
fail() { echo "$1"; echo "0 passed, 1 failed"; exit 1; }
for needed in js/dist/galago.wasm:"make wasm" js/dist/image-assistant.js:"make js" "${BUILD:-build}/galago:make"; do
    [ -e "${needed%%:*}" ] || fail "${needed%%:*} is not built: run ${needed#*:}"
done

# npm's packages, from the lock files. (js/node_modules is there when js/dist is.)
for folder in web/test js/test/browser; do
    stamp=$folder/node_modules/.package-lock.json
    if [ ! -e "$stamp" ] || [ "$folder/package-lock.json" -nt "$stamp" ]; then
        (cd "$folder" && npm ci --ignore-scripts --loglevel=error --no-audit --no-fund) || fail "npm could not install the packages of $folder"
        touch "$stamp"
    fi
done

passed=0 failed=0
out=$(mktemp) && trap 'rm -f "$out" "$out.tap"' EXIT
# Counts by the last line "N passed, N failed" of what a part printed; a part that ended without one has failed.
count() { # name status
    local line p f
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$out" | tail -n 1)
    p=${line%% *} f=${line#*, } f=${f%% *}
    [ -n "$line" ] || { p=0 f=1; }
    [ "$2" = 0 ] || [ "$f" != 0 ] || f=1
    passed=$((passed + p)) failed=$((failed + f))
    echo "== $1: $p passed, $f failed ($SECONDS s since the start)"
}
check() { # name command...: the status alone counts
    local name=$1
    shift
    if "$@" >"$out" 2>&1; then echo "1 passed, 0 failed" >"$out"; else cat "$out"; echo "0 passed, 1 failed" >>"$out"; fi
    count "$name" 0
}

check "the page builds, within its budget of bytes" node web/build.mjs --out build/web-test
[ -e build/web-test/sw.js ] || { echo "$passed passed, $failed failed"; exit 1; }
if [ -n "$pictures" ]; then
    exec node web/test/pictures.mjs
fi
if [ -z "$suite" ]; then
    check "types" npm --prefix web run --silent check
    if ls web/test/unit/*.test.mjs >/dev/null 2>&1; then
        node --test --test-reporter=tap web/test/unit/*.test.mjs >"$out.tap" 2>&1
        status=$?
        awk '/^ *not ok/ { show = 1 } show { print } /^ *\.\.\.$/ { show = 0 }' "$out.tap"
        awk '/^# pass / { p = $3 } /^# fail / { f = $3 } /^# cancelled / { f += $3 } END { printf "%d passed, %d failed\n", p, f }' "$out.tap" >"$out"
        count "parts, in Node.js" $status
    fi
fi
node web/test/run.mjs "${options[@]}" 2>&1 | tee "$out"
count "in browsers" "${PIPESTATUS[0]}"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
