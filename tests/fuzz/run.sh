#!/bin/bash
# run.sh PROGRAM WORK [CORPUS]: fuzz for WARD_FUZZ_SECONDS (30). New inputs are kept in
# WORK, a failing one is named on the output and belongs into CORPUS once it is understood.
set -euo pipefail

program=$1 work=$2 corpus=${3:-}
seconds=${WARD_FUZZ_SECONDS:-30}

mkdir -p "$work"
folders=("$work")
if [ -d "$corpus" ]; then
    folders+=("$corpus")
fi

# libFuzzer looks at its clock between inputs only: the outer limit is for one that hangs.
# Its own code for a failure would be 77, which here means skipped.
exec timeout $((seconds + 60)) "$program" "-max_total_time=$seconds" -timeout=10 \
    -error_exitcode=1 -timeout_exitcode=1 -rss_limit_mb=2048 -print_final_stats=1 \
    "-artifact_prefix=$work/failed-" \
    "${folders[@]}"
