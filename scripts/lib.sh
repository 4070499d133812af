# What the scripts share; to be sourced. Bare machines are welcome: whatever is missing is
# installed, by root or by a user with password-less sudo.
# shellcheck shell=bash

set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Packages of Debian 12, one purpose a line. The scripts that source this file use them.
# shellcheck disable=SC2034
packages_to_build=(
    gcc libc6-dev cmake ninja-build
    libmsgpack-dev libbsd-dev
)
# shellcheck disable=SC2034
packages_to_test=(
    g++ libcmocka-dev libev-dev
    clang libclang-rt-14-dev
    pkg-config
    universal-ctags clang-format
)

# Whom ward is measured beside.
# shellcheck disable=SC2034
packages_to_bench=(
    libzmq3-dev libnng-dev erlang-base python3
)

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

is_installed() {
    [[ $(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null) == ?i* ]]
}

# install_packages NAME...: calls apt only if one of them is missing. Prints to stderr.
install_packages() {
    local name missing=()
    for name in "$@"; do
        is_installed "$name" || missing+=("$name")
    done
    if [ ${#missing[@]} -eq 0 ]; then
        return 0
    fi
    echo "installing: ${missing[*]}" >&2
    # An index that cannot be refreshed may still be good enough to install from.
    as_root apt-get update -qq >&2 || true
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
        --no-install-recommends -o DPkg::Lock::Timeout=120 "${missing[@]}" >&2 </dev/null
}
