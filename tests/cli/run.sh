#!/bin/sh
# Tests of the command line: every option, every exit status, bad input.  run.sh BUILD
exec python3 "$(dirname "$0")/test_cli.py" "$1"
