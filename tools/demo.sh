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
