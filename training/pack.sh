#!/bin/bash
# training/pack.sh BUILD MATERIAL [RUN.tgz.*]
#
# Packs what run.sh takes to another machine: BUILD/assets (make_assets.py), BUILD/tokenizer.json (vocabulary.py), the generator with the
# libraries that it links, and, from the parts of the archive that the last run left, where to go on.
set -eu
build=$1 material=$2
shift 2
here=$(dirname "$0")
rm -rf "$material/lib" "$material/start" "$material/start.tar.xz"
mkdir -p "$material/lib"
if [ ! -f "$material/assets.tar.xz" ] || [ "$build/assets/sprites.bin" -nt "$material/assets.tar.xz" ] || [ "$build/assets/words.txt" -nt "$material/assets.tar.xz" ]; then
    tar -C "$build/assets" -cJf "$material/assets.tar.xz" .
fi
cp "$build/tokenizer.json" "$material/"
rm -f "$here/pictures/libpictures.so"
python3 -c 'import sys; sys.path.insert(0, sys.argv[1]); import data; data.library()' "$here"
cp "$here/pictures/libpictures.so" "$material/lib/"
ldd "$here/pictures/libpictures.so" | awk '$3 ~ /^\// { print $3 }' | grep -vE '/(libc|libm|libpthread|libdl|librt)\.so' | xargs -I{} cp -L {} "$material/lib/"
if [ $# -gt 0 ]; then cat "$@" | gzip -dc | xz > "$material/start.tar.xz"; fi
du -sh "$material"
