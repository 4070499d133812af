#!/bin/bash
# pool.sh POOL [LINES]: the word-counting pool against wc, on files as they come: without a newline
# at the end, with NUL, CR and invalid UTF-8, empty, large, with a line above the limit; with
# crashes and without, on 1 to 16 workers.
set -euo pipefail
export LC_ALL=C

pool=$1
lines=${2:-20000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
checks=0

complain() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# totals FILE CRASH_ON: what the pool should say last, by grep and wc.
totals() {
    local file=$1 text=$2 crashes=0 counted=$work/counted
    if [ -n "$text" ]; then
        crashes=$(grep -acF -- "$text" "$file" || true)
        grep -avF -- "$text" "$file" >"$counted" || true
    else
        cat "$file" >"$counted"
    fi
    # A last line without a newline counts; grep adds the newline by itself.
    if [ -s "$counted" ] && [ "$(tail -c 1 "$counted" | od -An -c | tr -d ' ')" != '\n' ]; then
        echo >>"$counted"
    fi
    echo "lines $(wc -l <"$counted") words $(wc -w <"$counted") crashes $crashes"
}

# check WORKERS CRASH_ON FILE: from a file, and the same from standard input.
check() {
    local workers=$1 text=$2 file=$3 expected got
    local options=(--workers "$workers")
    if [ -n "$text" ]; then options+=(--crash-on "$text"); fi
    expected=$(totals "$file" "$text")
    for source in file stdin; do
        checks=$((checks + 1))
        if [ $source = file ]; then
            "$pool" "${options[@]}" "$file" >"$work/out" </dev/null || complain "status $?"
        else
            "$pool" "${options[@]}" <"$file" >"$work/out" || complain "status $?"
        fi
        got=$(tail -n 1 "$work/out")
        [ "$got" = "$expected" ] ||
            complain "$workers workers, crash on '$text', ${file##*/} by $source: $got, not $expected"
        [ "$(grep -ac 'crashed with signal 11 on: ' "$work/out" || true)" -eq "${expected##* }" ] ||
            complain "${file##*/}: a line for each crash is missing"
        if [ -n "$text" ] && [ "$(head -n -1 "$work/out" | grep -acF -- "$text" || true)" -ne "${expected##* }" ]; then
            complain "${file##*/}: the text of a crashing line is missing"
        fi
    done
}

printf '' >"$work/empty"
printf '\n' >"$work/newline"
printf 'no newline at the end' >"$work/unterminated"
printf 'a\0b \0 \0c\r\ncarriage\rreturn crash\ttab\n\v\f x\n' >"$work/control"
printf '\377\376 \303\050 caf\303\251 \200\n\300\200 crash \n\240\240\n' >"$work/utf8"
head -c 200000 /dev/urandom >"$work/random"
seq "$lines" | awk '{ print "line " $1 " of many", ($1 % 997 == 5) ? "crash here" : "" }' >"$work/many"

for workers in 1 2 3 16; do
    for name in empty newline unterminated control utf8 random many; do
        check "$workers" "" "$work/$name"
        check "$workers" crash "$work/$name"
    done
done
check 2 "end" "$work/unterminated"

# A line above the limit: an error that names its number, and the rest is counted.
checks=$((checks + 1))
{ printf 'one\n'; head -c 5000000 /dev/zero | tr '\0' x; printf '\nthree words here\n'; } >"$work/long"
status=0
"$pool" --workers 2 "$work/long" >"$work/out" 2>"$work/err" || status=$?
[ "$status" -eq 1 ] || complain "a line above the limit: status $status, not 1"
grep -q 'line 2: ' "$work/err" || complain "a line above the limit: no number in $(cat "$work/err")"
[ "$(tail -n 1 "$work/out")" = "lines 2 words 4 crashes 0" ] ||
    complain "a line above the limit: $(tail -n 1 "$work/out")"

# Bad calls say so.
for call in "" "--workers 0" "--workers x" "--workers 2 a b" "--workers 2 $work/none"; do
    checks=$((checks + 1))
    # shellcheck disable=SC2086
    if "$pool" $call >"$work/out" 2>"$work/err" </dev/null; then complain "accepted: $call"; fi
    [ -s "$work/err" ] || complain "no word about: $call"
done

echo "$((checks - failures)) passed, $failures failed"
[ "$failures" -eq 0 ]
