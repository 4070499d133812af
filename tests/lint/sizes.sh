#!/bin/bash
# sizes.sh ROOT: a function has at most 60 lines and a file at most 600.
. "$(dirname "$0")/lib.sh"

root=$1
function_lines=60
file_lines=600

need ctags
ctags --version | grep -q 'Universal Ctags' || { echo "skipped: not universal-ctags"; exit $skipped; }

while read -r file; do
    lines=$(wc -l <"$file")
    [ "$lines" -le $file_lines ] ||
        complain "${file#"$root"/}: $lines lines, $file_lines at most"
    while read -r name lines; do
        [ "$lines" -le $function_lines ] ||
            complain "${file#"$root"/}: $name has $lines lines, $function_lines at most"
    done < <(ctags --languages=C,C++ --langmap=C:.c.h --kinds-C=f --fields=+ne -f - "$file" |
        sed -n -E 's/^([^\t]*)\t.*\tline:([0-9]+).*\tend:([0-9]+).*/\1 \2 \3/p' |
        awk '{ print $1, $3 - $2 + 1 }')
done < <(sources "$root")
verdict
