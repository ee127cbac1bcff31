#!/bin/sh
# The CUDA kernels on the CPU under sanitizers:  tests/cuda_shim/modes.sh asan|tsan|msan [BUILD_FOLDER]
#
# asan: AddressSanitizer and UndefinedBehaviorSanitizer (reads and writes outside of buffers, misaligned vectors); tsan:
# data races within and between blocks; msan (clang): decisions that depend on memory nobody wrote. Builds in
# build-shim-MODE, runs the operations' cases and the shim's own tests, and prints their closing lines.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
mode=${1:-}
build=${2:-$root/build-shim-$mode}
case $mode in
    asan | tsan) cc=gcc cxx=g++ ;;
    msan)
        cc=clang-14 cxx=clang++-14
        export ASSEMLM_CPU_ISA=generic # MemorySanitizer does not know all vector instructions
        ;;
    *)
        sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
esac
export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=0 UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1
CC=$cc CXX=$cxx cmake -S "$root" -B "$build" -G Ninja -DASSEMLM_SHIM_MODE="$mode" -DASSEMLM_CUDA=OFF >/dev/null
cmake --build "$build" --parallel "${JOBS:-$(nproc)}" --target shim_tests >/dev/null

# $1: program, $2: which half of its tests. Two halves run side by side.
half() {
    log=$build/$(basename "$1")-$2.log
    begin=$(date +%s)
    passed=0
    GTEST_TOTAL_SHARDS=2 GTEST_SHARD_INDEX=$2 "$1" >"$log" 2>&1 || passed=$?
    [ "$passed" = 0 ] || tail -n 80 "$log"
    grep -A 30 -E '^\[  (PASSED|SKIPPED|FAILED)' "$log" | grep -E '^\[  (PASSED|SKIPPED|FAILED)' || true
    echo "$mode, $(basename "$1"), half $2: exit $passed, $(($(date +%s) - begin)) s"
    return "$passed"
}

# Runs that are there for their bits are the plain mode's.
export ASSEMLM_TEST_FEW_RUNS=1 ALM_SHIM_ORDER=warps ALM_SHIM_COPIES=lazy ALM_SHIM_STREAMS=late
result=0
for test in "$build"/tests/test_ops_shim "$build"/tests/cuda_shim/test_*; do
    [ -f "$test" ] && [ -x "$test" ] || continue
    half "$test" 0 &
    other=$!
    half "$test" 1 || result=1
    wait $other || result=1
done
exit $result
