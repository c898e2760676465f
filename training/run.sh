#!/bin/bash
# training/run.sh MATERIAL OUT SECONDS [option of train.py]...
#
# Trains on all GPUs of this host, compares the export with the reference class and packs what came out into OUT, a new folder.
# MATERIAL (made by pack.sh) holds assets/ or assets.tar.xz, tokenizer.json, if wanted lib/ (libpictures.so and the libraries that it
# needs) and start/ or start.tar.xz: what an earlier run of the sequence left (with state.json: training goes on there; without: it begins anew
# with the weights). Training, figures and comparison take at most SECONDS + 120 s; a run that hangs is stopped and its
# last checkpoint is packed. The exit status is that of the training.
set -u
material=$1 out=$2 seconds=$3
shift 3
here=$(dirname "$0")
processors=$(nproc) # before OMP_NUM_THREADS is set, which nproc would answer with
export PYTHONUNBUFFERED=1 OMP_NUM_THREADS=2 PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True
run=$(mktemp -d)
unpacked() { # MATERIAL/NAME, or MATERIAL/NAME.tar.xz unpacked (without xz, which a bare machine may lack), or nothing
    if [ -d "$material/$1" ]; then
        echo "$material/$1"
    elif [ -f "$material/$1.tar.xz" ]; then
        local folder
        folder=$(mktemp -d) && echo "$folder"
        python3 -c 'import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2])' "$material/$1.tar.xz" "$folder"
    fi
}
assets=$(unpacked assets) && start_folder=$(unpacked start) || exit 1
common=(--assets "$assets" --tokenizer "$material/tokenizer.json")
if [ -d "$material/lib" ]; then
    export LD_LIBRARY_PATH="$material/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
    common+=(--library "$material/lib/libpictures.so")
fi
start=()
if [ -f "$start_folder/state.json" ]; then start=(--resume "$start_folder")
elif [ -n "$start_folder" ]; then start=(--start "$start_folder"); fi
gpus=$(nvidia-smi -L 2>/dev/null | wc -l)
mkdir -p "$out"

launch=(torchrun --nproc-per-node "$gpus")
[ "$gpus" -gt 0 ] || { echo 'no GPU: one process on the CPU, for tests'; gpus=0 launch=(python3); }
threads=$((processors - 2 * gpus))
timeout -k 5 $((seconds + 70)) "${launch[@]}" "$here/train.py" "${common[@]}" "${start[@]}" --out "$run" \
    --seconds "$seconds" --threads $((threads > 0 ? threads : 1)) "$@" 2>&1 | tee "$out/train.log"
status=${PIPESTATUS[0]}
timeout -k 2 40 python3 "$here/check_reference.py" "${common[@]}" --export "$run/export" > "$out/reference.log" 2>&1
tail -n 1 "$out/reference.log"
cp "$run/log.csv" "$out/"
tar -C "$run" --exclude='*.part' -cz . | split -b 15000000 - "$out/run.tgz."
ls -l "$out"
exit "$status"
