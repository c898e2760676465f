#!/bin/sh
# What a newcomer sees first: the demo model looks at its sample pictures.
set -eu
cd "$(dirname "$0")/.."
galago=${BUILD:-build}/galago
echo
echo "Galago tells what is in pictures on this machine, with no network."
for picture in models/demo/samples/*.png; do
    echo
    echo "\$ galago describe $picture"
    "$galago" describe --quiet "$picture"
done

# Of each picture of the gallery the first question that the model answers right.
gallery=models/demo/gallery
tab=$(printf '\t')
awk -F'"' '/"image":/ { image = $4; told = 0 } /"prompt":/ { prompt = $4 } /"right": true/ && !told { told = 1; print image "\t" prompt }' \
    "$gallery/gallery.json" | while IFS=$tab read -r picture question; do
    echo
    echo "\$ galago ask $gallery/$picture \"$question\""
    "$galago" ask --quiet --temperature 0 "$gallery/$picture" "$question" </dev/null
done
echo
echo "It answers $(grep -c '"right": true' "$gallery/gallery.json") of the $(grep -c '"prompt":' "$gallery/gallery.json") questions of its gallery right: $gallery/README.md has them all."
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
