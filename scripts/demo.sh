#!/bin/bash
# demo.sh: from a bare machine to the running guide. Only what the guide prints goes to
# standard output; everything else goes to standard error.
. "$(dirname "$0")/lib.sh"

{
    install_packages "${packages_to_build[@]}"
    # Without the tests, which would need more packages.
    cmake --preset release -DWARD_BUILD_TESTS=OFF
    cmake --build --preset release
} >&2 </dev/null

exec build/release/examples/guide
