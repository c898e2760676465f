#!/bin/sh
# Makes sure that the libraries of the build are there. As root on a Debian system it installs what is missing; elsewhere it
# says exactly what to install. Usage: deps.sh [build|test|wasm|js|browsers]
set -eu
want=${1:-build}
missing=
need() { # package, test command
    package=$1
    shift
    "$@" >/dev/null 2>&1 || missing="$missing $package"
}
need gcc sh -c 'command -v cc || command -v gcc'
need make command -v make
need pkg-config command -v pkg-config
need libjpeg62-turbo-dev pkg-config --exists libjpeg
need libpng-dev pkg-config --exists libpng
need libwebp-dev pkg-config --exists libwebp libwebpdemux
need libcurl4-openssl-dev pkg-config --exists libcurl
if [ "$want" = wasm ]; then
    need clang-19 command -v clang-19
    need lld-19 command -v wasm-ld-19
    need wasi-libc test -e /usr/lib/wasm32-wasi/libc.a
    need libclang-rt-19-dev-wasm32 test -e /usr/lib/llvm-19/lib/clang/19/lib/wasi/libclang_rt.builtins-wasm32.a
    need brotli command -v brotli
fi
if [ "$want" = js ]; then
    need nodejs command -v node
    need npm command -v npm
fi
if [ "$want" = browsers ]; then
    need chromium command -v chromium
    need firefox-esr command -v firefox-esr
    need webkit2gtk-driver command -v WebKitWebDriver
    need xvfb command -v Xvfb
    need mesa-vulkan-drivers test -e /usr/share/vulkan/icd.d/lvp_icd.x86_64.json
fi
if [ "$want" = test ]; then
    need clang sh -c 'command -v clang'
    need libclang-rt-14-dev sh -c 'echo "int main(void){return 0;}" | clang -fsanitize=address -x c - -o /dev/null'
    need python3 command -v python3
    need nodejs command -v node
    need npm command -v npm
fi
if [ -z "$missing" ]; then
    if [ "$want" = js ] && ! node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)'; then
        echo "The package needs Node.js 20 or newer; this is $(node --version). nodejs.org has it." >&2
        exit 1
    fi
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing:$missing"
    apt-get update -qq >/dev/null 2>&1 || true
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing >/dev/null
else
    echo "These packages are needed:$missing" >&2
    echo "On Debian or Ubuntu:  sudo apt-get install$missing" >&2
    case $missing in
    " libcurl4-openssl-dev") echo "(libcurl is optional: without it http(s) pictures cannot be read.)" >&2; exit 0 ;;
    esac
    exit 1
fi
