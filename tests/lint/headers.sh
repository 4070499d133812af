#!/bin/bash
# headers.sh ROOT CC CXX: each public header compiles alone, as C11 and as C++17.
. "$(dirname "$0")/lib.sh"

root=$1 cc=$2 cxx=$3
count=0

for header in "$root"/include/ward/*.h; do
    [ -e "$header" ] || continue
    count=$((count + 1))
    name=ward/${header##*/}
    flags=(-Wall -Wextra -Werror -pedantic -fsyntax-only "-I$root/include")
    # Twice, for the include guard.
    program=$(printf '#include <%s>\n' "$name" "$name"; echo 'int main(void) { return 0; }')
    "$cc" -std=c11 "${flags[@]}" -x c - <<<"$program" || complain "$name is not C11"
    "$cxx" -std=c++17 "${flags[@]}" -x c++ - <<<"$program" || complain "$name is not C++17"
done

[ $count -gt 0 ] || complain "no public headers found"
verdict
