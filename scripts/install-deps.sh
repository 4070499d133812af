#!/bin/bash
# install-deps.sh: installs all that building and testing ward needs, and nothing else.
. "$(dirname "$0")/lib.sh"

install_packages "${packages_to_build[@]}" "${packages_to_test[@]}" "${packages_to_bench[@]}"
