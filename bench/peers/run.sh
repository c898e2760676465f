#!/bin/sh
# Galago, llama.cpp and ONNX Runtime in turns on this machine: decode, prefill, a picture, memory and load. See docs/PERF.md.
#
#   bench/peers/run.sh [ROUNDS]        default 3; needs cmake, a C++ compiler, git, Node 20.15 or newer; 3 GB of disk
#
# Environment: THREADS (default 2), GALAGO (default build/galago), LLAMA_BIN (a folder with llama-bench and llama-mtmd-cli: skips
# building them), PEERS (default build/peers, where everything is kept).
set -eu
cd "$(dirname "$0")/../.."
rounds=${1:-3}
threads=${THREADS:-2}
galago=${GALAGO:-build/galago}
peers=${PEERS:-build/peers}
mkdir -p "$peers"
peers=$(cd "$peers" && pwd)

[ -x "$galago" ] || make -j"$(nproc)" "$galago"

# The versions are fixed: figures of one day can be compared with those of another. node-llama-cpp carries llama.cpp's sources as a
# git bundle; onnxruntime-node is the runtime under Transformers.js in Node. Install scripts would fetch GPU libraries.
if [ ! -d "$peers/node_modules/onnxruntime-node" ] || [ ! -d "$peers/node_modules/node-llama-cpp" ]; then
    npm install --prefix "$peers" --ignore-scripts --omit=optional --no-audit --no-fund \
        node-llama-cpp@3.22.1 onnxruntime-node@1.30.0
fi
if [ -z "${LLAMA_BIN:-}" ]; then
    LLAMA_BIN=$peers/llama.cpp/build/bin
    if [ ! -x "$LLAMA_BIN/llama-mtmd-cli" ]; then
        [ -d "$peers/llama.cpp" ] || git clone -q "$peers/node_modules/node-llama-cpp/llama/gitRelease.bundle" "$peers/llama.cpp"
        cmake -S "$peers/llama.cpp" -B "$peers/llama.cpp/build" -DCMAKE_BUILD_TYPE=Release -DLLAMA_CURL=OFF \
            -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_SERVER=OFF
        cmake --build "$peers/llama.cpp/build" --target llama-bench llama-mtmd-cli -j"$(nproc)"
    fi
fi
if [ ! -f "$peers/model.gguf" ] || [ ! -f "$peers/mmproj-model.gguf" ]; then
    "$galago" convert synthetic:qwen3.5-0.8b "$peers/model.gguf" --dtype q4_0
fi
[ -f "$peers/chain.onnx" ] || node bench/peers/onnx_chain.mjs "$peers/chain.onnx"

exec node bench/peers/measure.mjs "$galago" "$LLAMA_BIN" "$peers/node_modules/onnxruntime-node" "$peers" "$rounds" "$threads"
