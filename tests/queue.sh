# Runs parts of the tests beside each other; sourced by bash, after count.sh.
#
#   queue KIND LABEL COMMAND...    notes a part. Of a kind other than "any" one runs at a time
#   run_queue N                    runs what was noted, N at once, the first noted first
#
# What a part printed is shown whole when it has ended, so that nothing is mixed; a line says when one begins. Each tells its seconds
# and those that processors worked for it: where they are few the part waited, or others had the machine.
# shellcheck shell=bash
queue_kinds=() queue_labels=() queue_commands=()

queue() {
    queue_kinds+=("$1")
    queue_labels+=("$2")
    shift 2
    queue_commands+=("$(printf '%q ' "$@")")
}

# Seconds of processors that `times` has noted of a shell's children.
processor_seconds() { awk 'NR == 2 { for (i = 1; i <= 2; i++) { split($i, t, /[ms]/); s += t[1] * 60 + t[2] } printf "%d", s }' "$1"; }

# Starts part $1 in a process group of its own, so that it can be ended with all its children.
queue_start() {
    local out=$count_folder/part.$1
    echo "-- ${queue_labels[$1]}"
    set -m
    (
        SECONDS=0
        eval "${queue_commands[$1]}" >"$out" 2>&1
        status=$?
        times >"$out.times"
        echo "$status $SECONDS" >"$out.end"
    ) </dev/null &
    set +m
    queue_running[$1]=$!
}

# Shows and counts part $1 if it has ended.
queue_ended() {
    local out=$count_folder/part.$1 status=137 took="" lines=''
    if [ -e "$out.end" ]; then
        read -r status took <"$out.end"
        took="$took s ($(processor_seconds "$out.times") worked)"
    elif kill -0 "${queue_running[$1]}" 2>/dev/null; then
        return 1
    fi
    # Most programs that pass have nothing to tell but their count.
    if [ "$(wc -l <"$out")" -gt 1 ]; then sed 's/^/   /' "$out"; else lines=40; fi
    count "${queue_labels[$1]}" "$status" "$out" "$took" "$lines"
    unset "queue_running[$1]"
}

run_queue() {
    local queue_running=() i j free waiting
    trap 'for i in "${queue_running[@]}"; do kill -- "-$i"; done 2>/dev/null; exit 130' INT TERM HUP
    waiting=("${!queue_labels[@]}")
    while [ ${#waiting[@]} -gt 0 ] || [ ${#queue_running[@]} -gt 0 ]; do
        for i in "${!waiting[@]}"; do
            [ ${#queue_running[@]} -lt "$1" ] || break
            free=1
            for j in "${!queue_running[@]}"; do
                if [ "${queue_kinds[$j]}" != any ] && [ "${queue_kinds[$j]}" = "${queue_kinds[${waiting[$i]}]}" ]; then free=; fi
            done
            [ -n "$free" ] || continue
            queue_start "${waiting[$i]}"
            unset "waiting[$i]"
        done
        wait -n
        for i in "${!queue_running[@]}"; do queue_ended "$i"; done
    done
    trap - INT TERM HUP
    queue_kinds=() queue_labels=() queue_commands=()
}
