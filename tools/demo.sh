#!/bin/sh
# What a newcomer sees first: the demo model looks at its sample pictures.
set -eu
cd "$(dirname "$0")/.."
galago=${BUILD:-build}/galago
echo
echo "Galago describes pictures on this machine, with no network."
for picture in models/demo/samples/*.png; do
    echo
    case $picture in
    *read*) echo "\$ galago ocr $picture"; "$galago" ocr --quiet "$picture" ;;
    *) echo "\$ galago describe $picture"; "$galago" describe --quiet "$picture" ;;
    esac
done
echo
echo "Your own:   $galago describe PICTURE      $galago ask PICTURE \"QUESTION\"      $galago --help"

# The same model in a page. Not where its tools are missing and may not be installed: the native program stands alone.
echo
echo "The same in a browser: building the package (WebAssembly, WebGPU) and its page ..."
if ! log=$(make --no-print-directory web 2>&1); then
    printf '%s\n' "$log" | tail -n 5
    echo "The page needs these tools; everything above works without them."
    exit 0
fi
if [ -t 1 ]; then
    exec node web/serve.mjs
fi
# Nobody is watching: show that the page is there, and end.
log=$(mktemp)
node web/serve.mjs >"$log" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null; rm -f "$log"' EXIT
for _ in 1 2 3 4 5 6 7 8 9 10; do
    grep -q http "$log" && break
    sleep 0.3
done
address=$(grep -o 'http://[^ ]*' "$log" | head -n 1)
node -e 'fetch(process.argv[1]).then((r) => r.text()).then((t) => process.exit(/<title>/.test(t) ? 0 : 1), () => process.exit(1))' "$address"
echo "A page that describes pictures: node web/serve.mjs   ($address)"
