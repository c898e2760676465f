#!/bin/bash
# Tests of count.sh: what a script says and how it ends when a part says this and ends so.
set -u
cd "$(dirname "$0")/.."
. tests/count.sh

# What a script of one part prints last, and its status, for a part that runs the command $1.
of() {
    local said # (the shell itself tells of what is killed)
    said=$(bash -c '. tests/count.sh; '"${2:-quiet}"' one bash -c "$1"; closing' _ "$1" 2>/dev/null)
    echo "$? ${said##*$'\n'}"
}
same() { [ "$1" = "$2" ] || { echo "got '$1', expected '$2'" && false; }; }
for way in quiet part; do
    quiet "$way: counts" check same "$(of 'echo name: 3 passed, 0 failed' $way)" "0 3 passed, 0 failed"
    quiet "$way: the last line counts" check same "$(of 'echo 9 passed, 9 failed; echo 3 passed, 0 failed; echo end' $way)" "0 3 passed, 0 failed"
    quiet "$way: failures are failures" check same "$(of 'echo 3 passed, 2 failed; exit 1' $way)" "1 3 passed, 2 failed"
    quiet "$way: whatever the status" check same "$(of 'echo 3 passed, 2 failed' $way)" "1 3 passed, 2 failed"
    quiet "$way: a status without a failure" check same "$(of 'echo 3 passed, 0 failed; exit 7' $way)" "1 3 passed, 1 failed"
    quiet "$way: ends without the line" check same "$(of 'echo all is well' $way)" "1 0 passed, 1 failed"
    quiet "$way: another line that looks like it" check same "$(of 'echo suite 3 passed, 0 failed 2 s' $way)" "1 0 passed, 1 failed"
    quiet "$way: killed" check same "$(of 'kill -9 $$' $way)" "1 0 passed, 1 failed"
    quiet "$way: nothing passed" check same "$(of 'echo 0 passed, 0 failed' $way)" "1 0 passed, 0 failed"
done
quiet "a status that counts" check same "$(bash -c '. tests/count.sh; quiet one check true; quiet two check false; closing' | tail -n 1)" "1 passed, 1 failed"
broken=$(mktemp -d)
echo 'import test from "node:test"; test("good", () => {}); test("bad", () => { throw new Error("told why"); });' >"$broken/a.test.mjs"
said=$(bash -c '. tests/count.sh; part node node_tests "$0"; closing' "$broken/a.test.mjs")
quiet "tests of Node.js" check same "${said##*$'\n'}" "1 passed, 1 failed"
quiet "and what they say of failures" check grep -q "told why" <<<"$said"
rm -rf "$broken"
closing
