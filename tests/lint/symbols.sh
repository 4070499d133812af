#!/bin/bash
# symbols.sh LIBRARY: every name that the shared library exports begins with ward_.
. "$(dirname "$0")/lib.sh"

library=$1
need nm

names=$(nm -D --defined-only --format=posix "$library" | cut -d ' ' -f 1)
[ -n "$names" ] || complain "$library exports nothing"
for name in $names; do
    [[ $name == ward_* ]] || complain "exported: $name"
done
verdict
