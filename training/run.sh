#!/bin/bash
# training/run.sh MATERIAL OUT SECONDS [option of train.py]...
#
# Trains on all GPUs of this host, compares the export with the reference class and packs what came out into OUT, a new folder.
# MATERIAL holds assets/ and tokenizer.json, if wanted lib/ (libpictures.so and the libraries that it needs) and start/ (an
# exported folder to begin with). Training, figures and comparison take at most SECONDS + 120 s; a run that hangs is stopped and
# what it had exported is packed. The exit status is that of the training.
set -u
material=$1 out=$2 seconds=$3
shift 3
here=$(dirname "$0")
export PYTHONUNBUFFERED=1 OMP_NUM_THREADS=2 PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True
common=(--assets "$material/assets" --tokenizer "$material/tokenizer.json")
if [ -d "$material/lib" ]; then
    export LD_LIBRARY_PATH="$material/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
    common+=(--library "$material/lib/libpictures.so")
fi
start=()
[ -d "$material/start" ] && start=(--start "$material/start")
gpus=$(nvidia-smi -L | wc -l)
run=$(mktemp -d)
mkdir -p "$out"

timeout -k 5 $((seconds + 70)) torchrun --nproc-per-node "$gpus" "$here/train.py" "${common[@]}" "${start[@]}" --out "$run" \
    --seconds "$seconds" --threads $(($(nproc) - 2 * gpus)) "$@" 2>&1 | tee "$out/train.log"
status=${PIPESTATUS[0]}
timeout -k 2 40 python3 "$here/check_reference.py" "${common[@]}" --export "$run/export" > "$out/reference.log" 2>&1
tail -n 1 "$out/reference.log"
cp "$run/log.csv" "$out/"
tar -C "$run" -cz . | split -b 15000000 - "$out/run.tgz."
ls -l "$out"
exit "$status"
