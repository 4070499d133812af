#!/bin/bash
# smoke.sh BENCH PYTHON: each figure can be measured, with so little to do that the numbers mean
# nothing; what reads them can read them; and the document explains each.
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

# ---- the document ----

performance=$here/../docs/performance.md
# All but what document.py writes.
outside() {
    sed '/<!-- figures:/,/<!-- figures: end/d' "$1"
}
while IFS=$'\t' read -r figure against sense goal; do
    grep -qF "\`$figure\`" <(outside "$performance") ||
        fail "docs/performance.md does not explain $figure"
    [ "$sense" = none ] || grep -qF "**\`$figure\`**" <(grep -F ": $sense $goal × $against" "$performance") ||
        fail "docs/performance.md knows another goal of $figure than: $sense $goal × $against"
done <"$work/list"

document() {
    "$python" "$here/document.py" "$work/list" "$1" "$work/performance.md" >"$work/said" 2>&1
}
cp "$performance" "$work/"
document "$work/tsv" || { cat "$work/said"; fail "document.py ended with $?"; }
diff <(outside "$performance") <(outside "$work/performance.md") || fail "it changed more than the table"
inside() {
    sed -n '/<!-- figures:/,/<!-- figures: end/p' "$1"
}
[ "$(inside "$work/performance.md" | grep -c '^| [ `].*|$')" -eq "$(wc -l <"$work/tsv")" ] ||
    fail "the table in the document lacks lines"
diff <(grep -o 'performance/[a-z]*\.svg' "$work/performance.md" | sort) \
    <(cd "$work" && printf '%s\n' performance/*.svg) || fail "it shows other plots than are drawn"

# What would spoil it is refused.
cp "$work/performance.md" "$work/before"
grep -v '^idle' "$work/tsv" >"$work/less"
! document "$work/less" || fail "half a run is a document"
grep -q 'idle was not measured' "$work/said" || fail "it does not say what is missing"
cmp "$work/before" "$work/performance.md" || fail "half a run changed the document"
sed -i '/figures: end/d' "$work/performance.md"
! document "$work/tsv" || fail "it finds a place for the table where there is none"

# ---- some ----

"$bench" --tiny spawn_spare >"$work/one"
[ "$(cut -f 1 "$work/one")" = spawn_spare ] || fail "it measures more than it is asked for"
! "$bench" --tiny no_such_figure 2>"$work/said" || fail "it measures what there is not"
grep -q no_such_figure "$work/said" || fail "it does not say what there is not"
