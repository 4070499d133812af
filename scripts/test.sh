#!/bin/bash
# test.sh [LABEL]: from a bare machine to tested. Without LABEL it runs the gate: all tests of
# that label under dev and asan, those of threads under tsan, lint, and the fuzz targets for
# WARD_FUZZ_SECONDS (30) each.
#
#   test.sh unit        one folder of tests/, or examples, or any other label: dev and asan
#   test.sh lint        dev only: what lint looks at is the same under every preset
#   test.sh tsan        what hosts of many threads do, under the thread sanitizer
#   test.sh fuzz        the fuzz targets
#   test.sh soak        the full numbers of stress and process; takes long
#
# The last line is "N passed, N failed". The status is not 0 if a test failed or none passed.
. "$(dirname "$0")/lib.sh"

exec </dev/null
passed=0
failed=0
broken=()

# The sanitizers of these compilers lose their way where the kernel randomises addresses
# with more than 28 bits.
plainly=()
if [ "$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 0)" -gt 28 ] &&
    setarch -R true 2>/dev/null; then
    plainly=(setarch -R)
fi

# attribute NAME FILE: the number that CTest's report gives it.
attribute() {
    sed -n "s/^[[:space:]]*$1=\"\([0-9]*\)\".*/\1/p; /<testcase/q" "$2" | head -n 1
}

fail() {
    failed=$((failed + 1))
    broken+=("$1")
    echo "test.sh: $1" >&2
}

# run PRESET LABELS [TARGET]: builds the preset, or that target of it, and runs the tests whose
# labels match.
run() {
    local preset=$1 labels=$2 report total failures idle status=0
    report=$PWD/build/$preset/report.xml

    echo "== $preset: $labels"
    if ! { cmake --preset "$preset" &&
        cmake --build --preset "$preset" ${3:+--target "$3"}; }; then
        fail "$preset does not build"
        return 0
    fi
    rm -f "$report"
    "${plainly[@]}" ctest --test-dir "build/$preset" --label-regex "$labels" --parallel 2 \
        --output-on-failure --no-tests=error --output-junit "$report" || status=$?
    if [ ! -e "$report" ]; then
        fail "$preset has no test labelled $labels"
        return 0
    fi
    total=$(attribute tests "$report")
    failures=$(attribute failures "$report")
    idle=$(($(attribute disabled "$report") + $(attribute skipped "$report")))
    passed=$((passed + total - failures - idle))
    failed=$((failed + failures))
    if [ "$failures" -gt 0 ]; then
        broken+=("$preset: $failures failed")
    elif [ $status -ne 0 ]; then
        # A test that could not be started is no failure to CTest's report, but to us.
        fail "$preset: ctest ended with $status"
    elif [ "$total" -eq "$idle" ]; then
        fail "$preset: no test labelled $labels ran"
    fi
}

run_tsan() {
    run tsan '^threads$' ward_threads
}

# Until the first target is declared there is nothing to fuzz; from then on one must run.
run_fuzz() {
    if grep -q '^ward_fuzz(' tests/fuzz/CMakeLists.txt; then
        run fuzz '^fuzz$'
    fi
}

install_packages "${packages_to_build[@]}" "${packages_to_test[@]}" "${packages_to_bench[@]}"

label=${1:-gate}
case $label in
gate)
    run dev '^gate$'
    run asan '^gate$'
    run_tsan
    run_fuzz
    ;;
tsan)
    run_tsan
    ;;
lint)
    run dev '^lint$'
    ;;
fuzz)
    run_fuzz
    ;;
soak)
    # The tests of this preset find WARD_SOAK=1 in their environment.
    run soak '^(soak|stress|process)$'
    ;;
*)
    run dev "^$label\$"
    run asan "^$label\$"
    ;;
esac

for reason in "${broken[@]}"; do
    echo "$reason"
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
