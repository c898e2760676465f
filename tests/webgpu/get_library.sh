#!/bin/sh
# Fetches a WebGPU library (Dawn) for tests on this machine and prints two lines for the shell:
#   GALAGO_TEST_WEBGPU=path of the library      VK_ICD_FILENAMES=path of the software adapter, when one is installed
# The tests that need a GPU take the first from their environment and skip without it; the second is for Vulkan's loader, where
# the machine has no GPU. Usage: eval "$(tests/webgpu/get_library.sh)"; export GALAGO_TEST_WEBGPU VK_ICD_FILENAMES
# Exit status 1 and nothing printed: there is no library for this kind of machine, or it cannot be fetched.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
case $(uname -s)-$(uname -m) in
Linux-x86_64) package=bun-webgpu-linux-x64 file=libwebgpu_wrapper.so ;;
*) exit 1 ;;
esac
folder=$root/build/npm
library=$folder/node_modules/$package/$file
if [ ! -f "$library" ]; then
    command -v npm >/dev/null || exit 1
    mkdir -p "$folder"
    cp "$root/tests/webgpu/package.json" "$root/tests/webgpu/package-lock.json" "$folder"
    (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund >&2) || exit 1
fi
[ -f "$library" ] || exit 1
echo "GALAGO_TEST_WEBGPU='$library'"

# A real GPU is left to the loader; without one, Debian's chromium brings a software adapter.
icd=/usr/lib/chromium/vk_swiftshader_icd.json
if [ -n "${VK_ICD_FILENAMES:-}" ]; then
    echo "VK_ICD_FILENAMES='$VK_ICD_FILENAMES'"
elif [ -f "$icd" ] && ! ls /dev/dri/renderD* /dev/nvidia0 >/dev/null 2>&1; then
    echo "VK_ICD_FILENAMES='$icd'"
fi
