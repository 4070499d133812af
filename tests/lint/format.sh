#!/bin/bash
# format.sh ROOT: every source is as clang-format leaves it.
. "$(dirname "$0")/lib.sh"

root=$1
need clang-format

while read -r file; do
    clang-format --style=file --dry-run -Werror --ferror-limit=1 "$file" ||
        complain "${file#"$root"/}: run clang-format -i"
done < <(sources "$root")
verdict
