#!/bin/sh
# Puts the kernels into a C table:  embed.sh FOLDER kernels/*.wgsl
# Writes FOLDER/kernels.h (enum kernel, KERNEL_<NAME> for kernels/<name>.wgsl in order of name) and FOLDER/kernels.c (their texts
# without comments and indentation, which are for readers and would travel with the wasm module). kernels.h is written only when
# it changes, so that a change in a kernel's text does not compile everything anew.
#
# WGSL includes nothing, and each kernel is to be valid as it lies there: what several need stands in each of them, between
# "// ---- TITLE: the same text in ... ----" and "// ---- end of the same text ----". Where two of them differ nothing is made.
set -eu
out=${1:?usage: embed.sh FOLDER KERNEL.wgsl...}
shift
mkdir -p "$out"
LC_ALL=C
export LC_ALL

name() {
    n=${1##*/}
    printf '%s' "${n%.wgsl}"
}

awk '
    FNR == 1 && open { exit } # its end is missing, see END
    FNR == 1 { file = FILENAME }
    /^\/\/ ---- .*: the same text in / { title = $0; open = 1; text = ""; next }
    /^\/\/ ---- end of the same text ----$/ {
        if (!open) { print FILENAME ":" FNR ": the end of a shared text that has no beginning"; failed = 1 }
        else if (!(title in first)) { first[title] = text; where[title] = FILENAME }
        else if (first[title] != text) { print FILENAME " and " where[title] " differ in what is to be the same:\n  " title; failed = 1 }
        open = 0
        next
    }
    open { text = text $0 "\n" }
    END {
        if (open) { print file ": a shared text has no end:\n  " title; failed = 1 }
        exit failed
    }
' "$@" >&2

{
    echo '/* Made by tools/kernels/embed.sh out of the .wgsl files in kernels/. */'
    echo '#ifndef BACKEND_WEBGPU_KERNELS_H'
    echo '#define BACKEND_WEBGPU_KERNELS_H'
    echo
    echo '#include <stdint.h>'
    echo
    echo 'enum kernel {'
    for f in "$@"; do
        printf '    KERNEL_%s,\n' "$(name "$f" | tr 'a-z' 'A-Z')"
    done
    echo '    KERNEL_COUNT'
    echo '};'
    echo
    echo '/* text: WGSL, `size` bytes, terminated. */'
    echo 'typedef struct kernel_source {'
    echo '    const char *name, *text;'
    echo '    uint32_t size;'
    echo '} kernel_source;'
    echo 'extern const kernel_source kernel_sources[KERNEL_COUNT];'
    echo
    echo '#endif'
} > "$out/kernels.h.new"
if cmp -s "$out/kernels.h.new" "$out/kernels.h"; then rm "$out/kernels.h.new"; else mv "$out/kernels.h.new" "$out/kernels.h"; fi

{
    echo '/* Made by tools/kernels/embed.sh out of the .wgsl files in kernels/. */'
    echo '#include "backend/webgpu/kernels.h"'
    echo
    echo '#define KERNEL(name, text) {name, text, sizeof text - 1}'
    echo
    echo 'const kernel_source kernel_sources[KERNEL_COUNT] = {'
    for f in "$@"; do
        printf '    KERNEL("%s",\n' "$(name "$f")"
        # WGSL has no strings: // always begins a comment.
        sed -e 's,//.*$,,' -e 's/^[[:blank:]]*//' -e 's/[[:blank:]]*$//' -e '/^$/d' -e 's/[\\"]/\\&/g' \
            -e 's/^/           "/' -e 's/$/\\n"/' "$f"
        echo '    ),'
    done
    echo '};'
} > "$out/kernels.c.new"
mv "$out/kernels.c.new" "$out/kernels.c"
