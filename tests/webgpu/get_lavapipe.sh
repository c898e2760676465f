#!/bin/sh
# Finds Mesa's software adapter, lavapipe, in a version that Dawn takes, and prints the path of its description for Vulkan's loader.
# It has shader-f16, which SwiftShader lacks. Mesa 22.3, of Debian 12, is refused by Dawn (its shaders cannot index arrays of resources by a
# variable); there the package of Debian's backports is unpacked below build/, and nothing is installed.
# Exit status 1 and nothing printed: there is none for this machine, or it cannot be fetched.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=$root/build/mesa
mine=$folder/lavapipe.json
if [ -f "$mine" ]; then
    echo "$mine"
    exit
fi
installed=$(dpkg-query -W -f '${Version}' mesa-vulkan-drivers 2>/dev/null) || exit 1
if dpkg --compare-versions "$installed" ge 25; then
    for icd in /usr/share/vulkan/icd.d/lvp_icd*.json; do
        [ -f "$icd" ] && echo "$icd" && exit
    done
fi
# What the backports need is installed with the older package, so that one file is all.
[ "$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)" = bookworm ] || exit 1
archive=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' | sed -n 's/ bookworm$//p' | head -n 1)
[ -n "$archive" ] || exit 1
rm -rf "$folder"
mkdir -p "$folder/lists/partial"
cd "$folder"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $archive bookworm-backports main" > sources.list
apt() {
    apt-get -qq -o Dir::Etc::sourcelist="$folder/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$folder/lists" \
        -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 -o Acquire::Retries=1 \
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o Debug::NoLocking=1 -o APT::Sandbox::User= "$@" >&2
}
apt update && apt download mesa-vulkan-drivers || exit 1
dpkg -x mesa-vulkan-drivers_*.deb unpacked
library=$(find "$folder/unpacked" -name libvulkan_lvp.so)
[ -n "$library" ] && ! ldd "$library" | grep -q 'not found' || exit 1
sed "s#\"library_path\": *\"[^\"]*\"#\"library_path\": \"$library\"#" "$folder"/unpacked/usr/share/vulkan/icd.d/lvp_icd*.json > "$mine"
rm -rf lists ./*.deb
find unpacked -name 'libvulkan_*.so' ! -name libvulkan_lvp.so -delete
echo "$mine"
