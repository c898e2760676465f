#!/bin/bash
# The kernels' forms for f16, on a software adapter that has it:  f16.sh BUILD
# LONG=1 adds a model. Mesa keeps what it compiled in a cache: a second run takes seconds, the first about two minutes.
set -u
build=${1:?usage: f16.sh BUILD}
cd "$(dirname "$0")/../.." || exit 1
. tests/count.sh
if ! found=$(tests/webgpu/env.sh f16); then
    echo "skipped: there is no lavapipe of a version that Dawn takes (tests/webgpu/get_lavapipe.sh says which)"
    echo "0 passed, 0 failed"
    exit
fi
eval "$found"
for program in ops/webgpu_matmul ops/webgpu_attention ${LONG:+golden/webgpu}; do part "$program, f16" "$build/tests/$program" f16; done
closing
