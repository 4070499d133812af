# What the lint scripts share; to be sourced. Each script takes the root of the tree as its
# first argument, so that can-fail.sh may show it a broken one.
# shellcheck shell=bash

set -euo pipefail

skipped=77 # the exit status by which CTest knows a skipped test
failures=0

# complain TEXT: reports a finding and goes on, so that one run shows all.
complain() {
    echo "$*"
    failures=$((failures + 1))
}

# verdict: the last line of every script.
verdict() {
    if [ "$failures" -gt 0 ]; then
        echo "$failures finding(s)"
        exit 1
    fi
    exit 0
}

# need PROGRAM: skips the whole check where a tool is not there.
need() {
    if ! command -v "$1" >/dev/null; then
        echo "skipped: no $1"
        exit $skipped
    fi
}

# sources ROOT [FOLDER...]: the C files of the tree, or of some folders, one a line.
sources() {
    local root=$1 folder
    shift
    if [ $# -eq 0 ]; then
        set -- include ipc worker supervisor tests examples bench
    fi
    for folder in "$@"; do
        if [ -d "$root/$folder" ]; then
            find "$root/$folder" -name '*.[ch]' -print
        fi
    done | LC_ALL=C sort
}
