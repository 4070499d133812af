#!/bin/bash
# words.sh ROOT: nothing is left for later, and nothing sleeps: wait for the event instead.
. "$(dirname "$0")/lib.sh"

root=$1

later='\b(TODO|FIXME|XXX|HACK)\b'
sleeping='\b(sleep|usleep|nanosleep|clock_nanosleep|thrd_sleep)[[:space:]]*\('

while read -r file; do
    while IFS= read -r hit; do
        complain "${file#"$root"/}:$hit"
    done < <(grep -nE "$later|$sleeping" "$file")
done < <(sources "$root")

[ -n "$(sources "$root")" ] || complain "no sources found"
verdict
