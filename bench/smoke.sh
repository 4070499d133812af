#!/bin/bash
# smoke.sh BENCH PYTHON: each figure can be measured, with so little to do that the numbers mean
# nothing, and what reads them can read them.
set -euo pipefail

bench=$1 python=$2
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "$*"
    exit 1
}

"$bench" --list >"$work/list"
"$bench" --tiny >"$work/tsv" || fail "ward_bench --tiny ended with $?"

awk -F '\t' 'function odd(field) { return field !~ /^-?([0-9.]+(e[+-][0-9]+)?|inf)$/ }
    NF != 6 || odd($2) || odd($5) || odd($6) { print; bad = 1 } END { exit bad || NR == 0 }' \
    "$work/tsv" || fail "not: figure ours unit against theirs ratio"
diff <(cut -f 1 "$work/list") <(cut -f 1 "$work/tsv" | uniq) || fail "a figure is missing"
diff <(cut -f 1,2 "$work/list") <(awk -F '\t' -v OFS='\t' '!seen[$1]++ { print $1, $4 }' "$work/tsv") ||
    fail "the first of the others is not the one that the goal is against"

awk -f "$here/table.awk" "$work/list" "$work/tsv" >"$work/table"
cat "$work/table"
[ "$(wc -l <"$work/table")" -eq $(($(wc -l <"$work/tsv") + 2)) ] || fail "the table lacks lines"
grep -q 'goals are met' "$work/table" || fail "the table does not count the goals"

"$python" "$here/plot.py" "$work/list" "$work/tsv" "$work/plots" >"$work/drawn" ||
    fail "plot.py ended with $?"
for plot in "$work"/plots/*.svg; do
    "$python" -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$plot" ||
        fail "${plot##*/} is no XML"
done
diff <(cut -f 1 "$work/list" | sort) <(sed -n 's/.*class="figure"[^>]*>\([a-z0-9_]*\)<.*/\1/p' "$work"/plots/*.svg | sort) ||
    fail "not each figure is drawn once"

"$bench" --tiny spawn_spare >"$work/one"
[ "$(cut -f 1 "$work/one")" = spawn_spare ] || fail "it measures more than it is asked for"
! "$bench" --tiny no_such_figure 2>"$work/said" || fail "it measures what there is not"
grep -q no_such_figure "$work/said" || fail "it does not say what there is not"
