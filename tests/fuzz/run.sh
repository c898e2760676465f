#!/bin/sh
# Builds and runs every fuzz target for SECONDS each on its seeds.  run.sh BUILD SECONDS [TARGET...]
set -u
build=${1:?usage: run.sh BUILD SECONDS [TARGET...]}
seconds=${2:?}
shift 2
cd "$(dirname "$0")/../.."
if [ $# -eq 0 ]; then
    for f in tests/fuzz/*.c; do set -- "$@" "$(basename "$f" .c)"; done
fi
passed=0
failed=0
for target in "$@"; do
    corpus=$build/corpus/$target
    mkdir -p "$corpus" "$build/crashes"
    seeds=tests/fuzz/seeds/$target
    [ "$target" = image ] && seeds=tests/data/images
    log=$build/fuzz-$target.log
    if "$build/tests/fuzz/$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 -close_fd_mask=1 \
        -artifact_prefix="$build/crashes/$target-" "$corpus" $([ -d "$seeds" ] && echo "$seeds") >"$log" 2>&1; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        echo "$target: $runs inputs, no finding"
        passed=$((passed + 1))
    else
        tail -n 30 "$log"
        echo "FAILED $target"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
