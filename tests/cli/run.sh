#!/usr/bin/env bash
# Tests of the command line (every option, every exit status, bad input), of the generator of training pictures and of
# what a training begins with.  run.sh BUILD
cd "$(dirname "$0")/../.." || exit 1
. tests/count.sh
part 'command line' python3 tests/cli/test_cli.py "${1:-build}"
part 'training pictures' python3 tests/cli/test_generator.py
part 'training from the shipped pair' python3 tests/cli/test_training.py "${1:-build}"
closing
