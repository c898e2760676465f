#!/usr/bin/env bash
# Tests of the command line (every option, every exit status, bad input) and of the generator of training pictures.  run.sh BUILD
cd "$(dirname "$0")/../.." || exit 1
. tests/count.sh
part 'command line' python3 tests/cli/test_cli.py "${1:-build}"
part 'training pictures' python3 tests/cli/test_generator.py
closing
