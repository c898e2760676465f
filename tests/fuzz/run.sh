#!/bin/bash
# Runs every fuzz target, or those named, for SECONDS each on its seeds and on what earlier runs found; FUZZ_JOBS of them at once, by
# default one for each processor.  run.sh BUILD SECONDS [TARGET...]
# An input may take two minutes on the clock: where others have the processors, one of a quarter of a second took 14.
set -u
build=${1:?usage: run.sh BUILD SECONDS [TARGET...]}
seconds=${2:?}
shift 2
cd "$(dirname "$0")/../.." || exit 1
. tests/count.sh
. tests/queue.sh
if [ $# -eq 0 ]; then
    for f in tests/fuzz/*.c; do set -- "$@" "$(basename "$f" .c)"; done
fi

fuzz() { # target
    local corpus=$build/corpus/$1 seeds=tests/fuzz/seeds/$1 log=$build/fuzz-$1.log
    mkdir -p "$corpus" "$build/crashes"
    [ "$1" = image ] && seeds=tests/data/images
    [ -d "$seeds" ] || seeds=
    if ! "$build/tests/fuzz/$1" -max_total_time="$seconds" -timeout=120 -rss_limit_mb=4096 -print_final_stats=1 -close_fd_mask=1 \
        -artifact_prefix="$build/crashes/$1-" "$corpus" ${seeds:+"$seeds"} >"$log" 2>&1; then
        tail -n 30 "$log"
        return 1
    fi
    echo "$1: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs, no finding"
}
for target in "$@"; do queue any "fuzz $target" check fuzz "$target"; done
run_queue "${FUZZ_JOBS:-$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)}"
closing
