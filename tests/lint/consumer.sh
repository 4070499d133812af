#!/bin/bash
# consumer.sh ROOT BUILD CC: installs the build to a new place, moves it, and builds and runs
# tests/consumer against it, once by find_package and once by pkg-config.
. "$(dirname "$0")/lib.sh"

root=$1 build=$2 cc=$3
need pkg-config

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Moved, because an installed tree may not know the place it was installed to.
cmake --install "$build" --prefix "$work/first" >"$work/log" || { cat "$work/log"; exit 1; }
prefix=$work/moved
mv "$work/first" "$prefix"

{
    cmake -S "$root/tests/consumer" -B "$work/build" -G Ninja "-DCMAKE_C_COMPILER=$cc" \
        "-DCMAKE_PREFIX_PATH=$prefix" &&
        cmake --build "$work/build"
} >"$work/log" 2>&1 || { cat "$work/log"; complain "find_package(ward) does not work"; }
if [ -x "$work/build/consumer" ]; then
    "$work/build/consumer" || complain "the program of find_package(ward) fails"
fi

PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name ward.pc)")
export PKG_CONFIG_PATH
library=$(pkg-config --variable=libdir ward)
read -ra flags < <(pkg-config --cflags --libs ward)
if "$cc" -std=c11 "$root/tests/consumer/main.c" -o "$work/by-pkg-config" \
    "${flags[@]}" "-Wl,-rpath,$library"; then
    "$work/by-pkg-config" || complain "the program of pkg-config fails"
else
    complain "pkg-config does not work: ${flags[*]}"
fi

# A user of the shared library needs nothing but it.
case "${flags[*]}" in
*-lev* | *msgpack*) complain "pkg-config names a private dependency: ${flags[*]}" ;;
esac
grep -rl "$build" "$prefix" --include='*.cmake' --include='*.pc' &&
    complain "the files above name the build tree"
verdict
