#!/bin/bash
# can-fail.sh ROOT CC CXX: a check that was never seen failing is not a check. Makes a small
# tree that passes, breaks it in one way at a time and expects the one check to fail.
. "$(dirname "$0")/lib.sh"

root=$1 cc=$2 cxx=$3
lint=$root/tests/lint
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree

new_tree() {
    rm -rf "$tree"
    mkdir -p "$tree"/{include/ward,ipc,worker,supervisor,examples,bench}
    cp "$root/.clang-format" "$tree/"
    cat >"$tree/include/ward/one.h" <<'C'
#ifndef WARD_ONE_H
#define WARD_ONE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

__attribute__((visibility("default"))) int ward_one(void);

#ifdef __cplusplus
}
#endif

#endif
C
    cat >"$tree/ipc/one.c" <<'C'
#include <ward/one.h>

int
ward_one(void)
{
    return 1;
}
C
    cat >"$tree/README.md" <<'C'
```c
#include <ward/one.h>

int
main(void)
{
    return ward_one() == 1 ? 0 : 1;
}
```
C
}

# lines COUNT TEXT
lines() {
    local i
    for ((i = 0; i < $1; i++)); do
        echo "$2"
    done
}

library() {
    "$cc" -std=c11 -shared -fPIC -fvisibility=hidden "-I$tree/include" "$tree"/*/*.c \
        -o "$work/libward.so"
}

# run CHECK: its exit status in $status.
run() {
    status=0
    case $1 in
    headers) bash "$lint/headers.sh" "$tree" "$cc" "$cxx" ;;
    symbols) library && bash "$lint/symbols.sh" "$work/libward.so" ;;
    readme) library && bash "$lint/readme.sh" "$tree" "$cc" "$work/libward.so" ;;
    *) bash "$lint/$1.sh" "$tree" ;;
    esac >"$work/log" 2>&1 || status=$?
}

# broken CHECK WHAT: the tree as it is now must fail; then a new one is made.
broken() {
    run "$1"
    case $status in
    1) ;;
    "$skipped") echo "$1 was skipped" ;;
    *) complain "$1 does not see $2 (status $status)"; cat "$work/log" ;;
    esac
    new_tree
}

new_tree
for check in format arrows headers symbols sizes words readme; do
    run $check
    [ "$status" -eq 0 ] || [ "$status" -eq "$skipped" ] ||
        { complain "$check fails for a good tree"; cat "$work/log"; }
done

echo 'int  x;' >>"$tree/ipc/one.c"
broken format 'two blanks'

echo '#include "worker/entry.h"' >"$tree/ipc/two.c"
broken arrows 'ipc including worker'
echo '#include <supervisor/engine.h>' >"$tree/worker/two.c"
broken arrows 'worker including supervisor'
echo '#include "worker/loop.h"' >"$tree/supervisor/two.c"
broken arrows "supervisor including worker's inside"
echo '#include "frame.h"' >"$tree/ipc/two.c"
broken arrows 'a name without its room'
echo '#include "ipc/frame.h"' >"$tree/examples/two.c"
broken arrows 'an example including ipc'
echo '#include "ipc/frame.h"' >"$tree/bench/two.c"
broken arrows 'the benchmark including ipc'
echo '#include "ipc/frame.h"' >"$tree/include/ward/two.h"
broken arrows 'a public header including ipc'
echo '#include <ev.h>' >"$tree/include/ward/two.h"
broken arrows 'a public header including libev'

echo 'size_t ward_two(void);' >"$tree/include/ward/two.h"
broken headers 'a header that does not compile alone'
echo 'int *ward_two(int *restrict p);' >"$tree/include/ward/two.h"
broken headers 'a header that is not C++'
echo 'class ward_two;' >"$tree/include/ward/two.h"
broken headers 'a header that is not C'

echo '__attribute__((visibility("default"))) int two(void) { return 2; }' >"$tree/ipc/two.c"
broken symbols 'a foreign name'

{ printf 'void\ntwo(void)\n{\n'; lines 60 '    ;'; echo '}'; } >"$tree/ipc/two.c"
broken sizes 'a function of 63 lines'
{ printf 'static void\ntwo(struct x *a)\n{\n'; lines 58 '    ;'; echo '}'; } >"$tree/ipc/two.c"
broken sizes 'a function of 61 lines'
lines 601 '' >"$tree/ipc/two.c"
broken sizes 'a file of 601 lines'

echo '/* TODO: later */' >"$tree/ipc/two.c"
broken words 'a note for later'
printf 'int two(void)\n{\n    usleep(1);\n}\n' >"$tree/ipc/two.c"
broken words 'usleep'
printf 'int two(void)\n{\n    sleep (1);\n}\n' >"$tree/ipc/two.c"
broken words 'sleep'

sed -i 's/ward_one()/ward_two()/' "$tree/README.md"
broken readme 'an example that does not compile'
sed -i 's/== 1 ? 0 : 1/;/' "$tree/README.md"
broken readme 'an example that ends with 1'
echo 'No code.' >"$tree/README.md"
broken readme 'a README without an example'

# The comparison of outputs is a check as well.
same() {
    printf '%s' "$1" >"$work/expected"
    printf '%s' "$2" >"$work/printed"
    bash "$root/tests/compare-output.sh" "$work/expected" cat "$work/printed" >"$work/log"
}
one=$'[/a] 1\n[/a] 2\n[/b] 1\n\nend\n'
same "$one" $'  [/b] 1\n[/a] 1\nend\n[/a] 2\n' || complain 'compare-output minds interleaving'
! same "$one" $'[/a] 2\n[/a] 1\n[/b] 1\nend\n' || complain 'compare-output: order of one actor'
! same "$one" $'[/a] 1\n[/a] 2\nend\n' || complain 'compare-output: a line is missing'
! same "$one" "$one$one" || complain 'compare-output: lines come twice'
! bash "$root/tests/compare-output.sh" /dev/null false >"$work/log" ||
    complain 'compare-output: the command fails'
! bash "$root/tests/compare-output.sh" -i "$work/printed" /dev/null cat >"$work/log" ||
    complain 'compare-output: the input is not given to the command'
verdict
