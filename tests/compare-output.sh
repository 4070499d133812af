#!/bin/bash
# compare-output.sh [-i INPUT] EXPECTED COMMAND...: runs COMMAND on the file INPUT, which must
# succeed, and compares what it prints with the file EXPECTED. Leading blanks and empty lines do
# not count.
#
# Actors are processes, so how the lines of different ones interleave is not promised; the
# order of one actor's own lines is. An actor's lines begin with its path in brackets. The
# lines of each path, and those without a path, are therefore compared as sequences.
set -euo pipefail

input=/dev/null
if [ "$1" = -i ]; then
    input=$2
    shift 2
fi
expected=$1
shift

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

by_actor() {
    sed 's/^[[:space:]]*//; s/[[:space:]]*$//; /^$/d' "$1" |
        awk '{ key = match($0, /^\[[^]]*\]/) ? substr($0, 1, RLENGTH) : "";
               printf "%s\t%06d\t%s\n", key, NR, $0 }' |
        LC_ALL=C sort | cut -f 3-
}

status=0
"$@" >"$work/output" <"$input" || status=$?
if [ $status -ne 0 ]; then
    echo "$1: exit status $status; its output was:"
    cat "$work/output"
    exit 1
fi

by_actor "$expected" >"$work/expected.sorted"
by_actor "$work/output" >"$work/output.sorted"
if ! diff -u --label expected --label printed "$work/expected.sorted" "$work/output.sorted"; then
    echo "the output, as it came:"
    cat "$work/output"
    exit 1
fi
