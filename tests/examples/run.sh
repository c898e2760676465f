#!/bin/sh
# The library as its users meet it: installed into a folder, found through pkg-config, linked with examples/describe.c.
#   run.sh BUILD
set -u
cd "$(dirname "$0")/../.."
build=${1:?usage: run.sh BUILD}
tree=$(pwd)/$build/installed
passed=0
failed=0

check() { # label, command...
    label=$1
    shift
    if output=$("$@" 2>&1); then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf '%s\n%s\n' "FAILED $label" "$output"
    fi
}

rm -rf "$tree"
check "make install" make --no-print-directory BUILD="$build" PREFIX="$tree" install
export PKG_CONFIG_PATH="$tree/lib/pkgconfig"
check "the shared library's links" test "$(readlink "$tree/lib/libgalago.so")" = libgalago.so.0 -a -e "$tree/lib/libgalago.so.0"
check "pkg-config knows the version" test "$(pkg-config --modversion galago)" = "$(sed -n 's/.*GALAGO_VERSION "\(.*\)"/\1/p' include/galago.h)"
check "the example has fewer than 40 lines" test "$(wc -l <examples/describe.c)" -lt 40
# Only public names are visible.
check "exported names" sh -c "! nm -D --defined-only '$tree/lib/libgalago.so' | grep -v ' galago_' | grep ' [TDBR] '"
# shellcheck disable=SC2046
check "the example, shared" ${CC:-cc} -std=c11 -Wall -Wextra -Werror examples/describe.c $(pkg-config --cflags --libs galago) -Wl,-rpath,"$tree/lib" -o "$tree/describe"
# shellcheck disable=SC2046
check "the example, static" ${CC:-cc} -std=c11 examples/describe.c $(pkg-config --cflags galago) "$tree/lib/libgalago.a" $(pkg-config --static --libs-only-l galago | sed 's/-lgalago//') -o "$tree/describe-static"
check "the header in C++" sh -c "echo '#include <galago.h>' | ${CXX:-c++} -x c++ -Wall -Wextra -Werror -fsyntax-only $(pkg-config --cflags galago) -"

# It runs: the demo model where there is one (the installed copy), and a tiny model with random weights anyway.
picture=$(find tests/data/golden/images -name '*.png' | sort | head -n 1)
for model in tests/data/golden/*/config.json; do
    [ -f "$model" ] || continue
    check "describe with a tiny model" sh -c "'$tree/describe' '$picture' '$(dirname "$model")'"
    check "the same, linked statically" sh -c "'$tree/describe-static' '$picture' '$(dirname "$model")'"
    break
done
if [ -d "$tree/share/galago/models/demo" ]; then
    check "describe with the installed demo model, from another folder" sh -c "p=\$(pwd)/'$picture'; cd / && '$tree/describe' \"\$p\" | grep -q '[a-z]'"
fi
# Failures reach the caller: status 2 and a message that names the file.
check "a picture that is not there" sh -c "'$tree/describe' /nowhere.png synthetic:none; test \$? -eq 2"
check "make uninstall" make --no-print-directory BUILD="$build" PREFIX="$tree" uninstall
check "nothing is left" sh -c "test -z \"\$(find '$tree' -type f ! -name 'describe*')\" && test -z \"\$(find '$tree' -type l)\""
echo "examples: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
