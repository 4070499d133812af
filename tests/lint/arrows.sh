#!/bin/bash
# arrows.sh ROOT: who may include whom. ipc knows nobody; worker knows ipc; supervisor knows
# ipc, and of worker only its entry point; everybody knows the public headers. Those know
# libc only, and examples know nothing but them; the benchmark knows them and itself.
. "$(dirname "$0")/lib.sh"

root=$1

# check FOLDER PATTERN: our own files that FOLDER includes must match the pattern.
check() {
    local folder=$1 pattern=$2 file line name
    while read -r file; do
        while IFS=: read -r line name; do
            [[ $name =~ ^($pattern)$ ]] ||
                complain "${file#"$root"/}:$line: may not include $name"
        done < <(ours "$file")
    done < <(sources "$root" "$folder")
}

# ours FILE: "line:name" of each include that means a file of this tree: all in quotes, and
# those in angle brackets that begin with the name of a room.
ours() {
    sed -n -E 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"([^"]*)".*/\1/;t print
        s/^[[:space:]]*#[[:space:]]*include[[:space:]]*<((ward|ipc|worker|supervisor|tests|bench)\/[^>]*)>.*/\1/;t print
        d
        :print
        =;p' "$1" | paste -d : - -
}

check include 'ward/.*'
check ipc '(ward|ipc)/.*'
check worker '(ward|ipc|worker)/.*'
check supervisor '(ward|ipc|supervisor)/.*|worker/entry\.h'
check examples 'ward/.*|[a-z0-9_-]+\.h'
check bench '(ward|bench)/.*'

# A user needs ward's headers and libc, not what ward is made of.
while read -r file; do
    while IFS=: read -r line text; do
        complain "${file#"$root"/}:$line: a public header needs libc only: $text"
    done < <(grep -nE '#[[:space:]]*include[[:space:]]*<(ev|msgpack|bsd/|ut[a-z]+\.h|cmocka)' "$file")
done < <(sources "$root" include)

[ -n "$(sources "$root" ipc worker supervisor)" ] || complain "no sources found"
verdict
