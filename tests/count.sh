# Counting, for the scripts that run tests in parts; sourced by bash. What holds everywhere:
#   - a part closes what it prints with a line "N passed, N failed", which a name and a colon may precede;
#   - a part that ends without that line has failed once, and so has one that ends with a status other than 0 and counts no failure;
#   - a script ends with `closing`: its own such line, and a status of 0 only when something passed and nothing failed.
#
#   part LABEL COMMAND...     runs a part and shows what it prints while it runs
#   quiet LABEL COMMAND...    shows the end of what it printed if it failed
# Commands for them: `check COMMAND...` counts a status, `node_tests FILE...` counts tests of node --test.
# shellcheck shell=bash
passed=0 failed=0
count_folder=$(mktemp -d)
trap 'rm -rf "$count_folder"' EXIT

# Adds what the file $3 says of the part $1, which has ended with status $2 and took $4; $5: lines to show of a part that failed.
count() {
    local line p=0 f=1
    line=$(grep -E '(^|: )[0-9]+ passed, [0-9]+ failed$' "$3" | tail -n 1)
    if [[ $line =~ ([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then p=${BASH_REMATCH[1]} f=${BASH_REMATCH[2]}; fi
    if [ "$2" -ne 0 ] && [ "$f" -eq 0 ]; then f=1; fi
    passed=$((passed + p)) failed=$((failed + f))
    local word='' status=''
    if [ "$f" -ne 0 ]; then
        word='FAILED ' status=", exit status $2"
        [ -z "${5:-}" ] || tail -n "$5" "$3"
    fi
    printf '== %-44s %7d passed, %d failed  %s%s\n' "$word$1" "$p" "$f" "$4" "$status"
}

part() {
    local label=$1 began=$SECONDS out
    out=$(mktemp "$count_folder/XXXXXX")
    shift
    "$@" 2>&1 | tee "$out"
    count "$label" "${PIPESTATUS[0]}" "$out" "$((SECONDS - began)) s"
}

quiet() {
    local label=$1 began=$SECONDS out
    out=$(mktemp "$count_folder/XXXXXX")
    shift
    "$@" >"$out" 2>&1
    count "$label" $? "$out" "$((SECONDS - began)) s" 40
}

check() {
    if "$@"; then echo "1 passed, 0 failed"; else echo "0 passed, 1 failed" && return 1; fi
}

# Prints failures, with what follows them up to the end of their block, and the closing line.
node_tests() {
    local tap status
    tap=$(mktemp "$count_folder/XXXXXX")
    node --test --test-reporter=tap "$@" >"$tap" 2>&1
    status=$?
    awk '/^ *not ok/ { show = 1 } show { print } /^ *\.\.\.$/ { show = 0 }
         /^# pass / { p = $3 } /^# fail / { f += $3 } /^# cancelled / { f += $3 }
         END { printf "%d passed, %d failed\n", p, f }' "$tap"
    return $status
}

closing() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
