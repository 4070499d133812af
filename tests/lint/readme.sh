#!/bin/bash
# readme.sh ROOT CC LIBRARY: the first C example of README.md compiles without a warning and
# runs to its end. Its output is not compared: the text around it shows it.
. "$(dirname "$0")/lib.sh"

root=$1 cc=$2 library=$3

if [ ! -e "$root/README.md" ]; then
    echo "skipped: no README.md yet"
    exit $skipped
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

awk '/^```c$/ { inside = 1; next } /^```/ && inside { exit } inside' \
    "$root/README.md" >"$work/example.c"
if [ ! -s "$work/example.c" ]; then
    complain "README.md has no block that begins with \`\`\`c"
    verdict
fi

"$cc" -std=c11 -Wall -Wextra -Wpedantic -Werror "-I$root/include" "$work/example.c" \
    -o "$work/example" "$library" "-Wl,-rpath,$(dirname "$library")" ||
    complain "the example of README.md does not compile"
if [ -x "$work/example" ]; then
    (cd "$work" && timeout 30 ./example </dev/null) ||
        complain "the example of README.md ended with status $?"
fi
verdict
