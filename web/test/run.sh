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

. tests/count.sh
quiet "the page builds, within its budget of bytes" check node web/build.mjs --out build/web-test
[ -e build/web-test/sw.js ] || { closing; exit 1; }
if [ -n "$pictures" ]; then
    node web/test/pictures.mjs
    exit
fi
if [ -z "$suite" ]; then
    quiet "types" check npm --prefix web run --silent check
    if ls web/test/unit/*.test.mjs >/dev/null 2>&1; then
        part "parts, in Node.js" node_tests web/test/unit/*.test.mjs
    fi
fi
part "in browsers" node web/test/run.mjs "${options[@]}"
closing
