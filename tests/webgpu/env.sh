#!/bin/sh
# The environment of the WebGPU tests: eval "$(tests/webgpu/env.sh)" exports GALAGO_TEST_WEBGPU and, where no GPU is, the software
# adapter's VK_ICD_FILENAMES. Prints nothing, with exit status 1, when this machine has no library or no Vulkan driver for it: the
# tests then say that they are skipped.
# Of Debian's software adapters SwiftShader (package chromium) serves; Dawn refuses the lavapipe of mesa-vulkan-drivers 22.3, whose
# shaders cannot index arrays of resources by a variable.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
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
