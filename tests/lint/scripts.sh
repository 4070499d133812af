#!/bin/bash
# scripts.sh ROOT: every shell script is well-formed, and shellcheck, where there is one, has
# nothing to say.
. "$(dirname "$0")/lib.sh"

root=$1

while read -r file; do
    bash -n "$file" || complain "${file#"$root"/}: bash cannot read it"
    if command -v shellcheck >/dev/null; then
        shellcheck -x -P SCRIPTDIR -S warning "$file" ||
            complain "${file#"$root"/}: shellcheck"
    fi
done < <(find "$root/scripts" "$root/bench" "$root/tests" "$root/.ci" -name '*.sh' -o -path '*/.ci/run')
verdict
