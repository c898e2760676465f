#!/bin/sh
# The environment of the WebGPU tests: eval "$(tests/webgpu/env.sh)" exports GALAGO_TEST_WEBGPU and, where no GPU is, the software
# adapter's VK_ICD_FILENAMES. Prints nothing, with exit status 1, when this machine has no library or no Vulkan driver for it: the
# tests then say that they are skipped.
#
#   env.sh        a GPU, else SwiftShader (package chromium): subgroups of 4, 8-bit dot products, no f16
#   env.sh f16    lavapipe (get_lavapipe.sh): subgroups of 8, 8-bit dot products and f16. Slower; its compiler leaves out what it can
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ "${1:-}" = f16 ]; then
    VK_ICD_FILENAMES=$("$here/get_lavapipe.sh") || exit 1
    export VK_ICD_FILENAMES
fi
found=$("$here/get_library.sh") || exit 1
case $found in
*VK_ICD_FILENAMES=*) names="GALAGO_TEST_WEBGPU VK_ICD_FILENAMES" ;;
*)
    # A GPU of its own: the loader finds its driver, if there is one.
    ls /dev/dri/renderD* /dev/nvidia0 >/dev/null 2>&1 || exit 1
    names=GALAGO_TEST_WEBGPU
    ;;
esac
printf '%s\nexport %s\n' "$found" "$names"
[ "${1:-}" != f16 ] || echo "export GALLIVM_PERF=nopt"
