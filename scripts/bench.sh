#!/bin/bash
# bench.sh [--rounds N] [FIGURE...]: from a bare machine to the figures, ward beside its peers;
# all of them if none is named. Prints a table and writes build/bench.tsv: figure, ours, unit,
# against whom, theirs, ours/theirs, with tabs between. Only the ratios are worth comparing.
# docs/performance.md explains them; bench/document.py puts a full run into it.
#
# What else runs on the machine is in the figures, too.
. "$(dirname "$0")/lib.sh"

bench=build/release/bench/ward_bench
{
    install_packages "${packages_to_build[@]}" "${packages_to_bench[@]}"
    # Without the tests, which would need more packages.
    cmake --preset release -DWARD_BUILD_TESTS=OFF
    cmake --build --preset release --target ward_bench
} >&2 </dev/null

"$bench" "$@" >build/bench.tsv </dev/null
awk -f bench/table.awk <("$bench" --list) build/bench.tsv
