# tools/gpu_check with programs and tools that pass, fail, hang, ignore TERM or crash, in place of a GPU:
#   test_gpu_check.sh ASSEMLM SOURCE TEST_OPS_SHIM
. "$(dirname "$0")/common.sh"
unset BUILD_DIR STEPS LIMIT ARCHS SANITIZER_FILTER REPEATS SHOW # of whoever runs the tests
shim=$3
real=$(command -v python3)

# ---- A bundle, a checkout, and the tools of a GPU machine ----

bundle="$work/a bundle"
mkdir -p "$bundle/bin" "$bundle/bench" "$bundle/tests/golden" "$work/tools" "$work/behave" "$work/tmp"
cp "$source/tools/gpu_check" "$source/tools/gpu_steps" "$bundle/"
echo 90a >"$bundle/archs"
echo 0123456789abcdef-dirty >"$bundle/commit"
export BEHAVE="$work/behave" TMPDIR="$work/tmp"

# A program that does what the file BEHAVE/NAME of its test, or BEHAVE/PROGRAM, says. 98765 marks what it leaves behind.
cat >"$work/stub" <<'END'
#!/bin/bash
name=${0##*/}
filter=
for option in "$@"; do
    case $option in --gtest_filter=*) filter=${option#*=} ;; esac
done
case " $* " in
    *" --gtest_list_tests "*)
        case $name:$filter in
            test_ops_cuda:*\**) printf 'cuda_ops.\n  linear\n  qkv\n  attention\n  knn\n  fps\n' ;;
            test_ops_cuda:*) printf 'cuda_ops.\n  linear\n  attention\n' ;;
            *:release*) printf 'release.\n  poses_f32\n  poses_bf16\n' ;;
            *) printf 'device.\n  golden_tiny\npages.\n  one  # TypeParam\n' ;;
        esac
        exit 0 ;;
esac
what=$(cat "$BEHAVE/$filter" 2>/dev/null || cat "$BEHAVE/$name" 2>/dev/null)
case $what in
    fail) printf 'ops.c:12: Failure\nlinear: got 2, wanted 1\n\n[  FAILED  ] 1 test\n'; exit 1 ;;
    code*) exit "${what#code}" ;;
    hang) sleep 98765 ;;
    stubborn) trap '' TERM; setsid sleep 98765 & (trap '' TERM; exec sleep 98765) & while :; do sleep 98765; done ;;
    crash) kill -SEGV $$ ;;
    none) echo '[  PASSED  ] 0 tests.'; exit 0 ;;
esac
case $name:$* in
    assemlm:bench*--json*) echo '{"stages": []}' ;;
    assemlm:bench*) echo '| stage |' ;;
    assemlm:inspect*) for kernel in ${ASSEMLM_KERNEL//,/ }; do echo " 1 node $kernel F32"; done ;;
    assemlm:synth*) while [ $# -gt 1 ]; do [ "$1" = --to ] && mkdir -p "$2"; shift; done ;;
    bench_linear_cuda:*) echo "hopper=${ASSEMLM_TEST_HOPPER:-0} linear_bf16_cublaslt" ;;
    *) echo '[  PASSED  ] 1 test.' ;;
esac
exit 0
END
cat >"$work/tools/nvidia-smi" <<'END'
#!/bin/sh
case "$(cat "$BEHAVE/nvidia-smi" 2>/dev/null)" in
    hang) exec sleep 98765 ;;
    none) echo "No devices were found"; exit 6 ;;
esac
case "$*" in
    *compute_cap*) echo "$(cat "$BEHAVE/capability" 2>/dev/null || echo 9.0), NVIDIA \"H200\", 580.1, 1980 MHz, 700.00 W, 143771 MiB" ;;
esac
END
cat >"$work/tools/compute-sanitizer" <<'END'
#!/bin/bash
while [ "${1#--}" != "$1" ]; do
    case $1 in --print-limit=* | --gtest*) shift ;; *) shift 2 ;; esac
done
exec "$@"
END
cat >"$work/tools/nsys" <<'END'
#!/bin/bash
while [ $# -gt 1 ]; do [ "$1" = -o ] && echo report >"$2.$(cat "$BEHAVE/nsys" 2>/dev/null || echo nsys-rep)"; shift; done
[ ! -e "$BEHAVE/nsys" ]
END
cat >"$work/tools/ncu" <<'END'
#!/bin/bash
while [ $# -gt 1 ]; do [ "$1" = -o ] && echo report >"$2.ncu-rep"; shift; done
END
cat >"$work/tools/python3" <<'END'
#!/bin/sh
exit 1
END
printf '#!/bin/sh\n[ ! -e "$BEHAVE/cmake" ] || { echo "cmake: error: no PNG"; exit 1; }\n' >"$work/tools/cmake"
chmod 755 "$work/stub" "$work"/tools/*
for name in assemlm bench_attention_cuda bench_linear_cuda bench_points_cuda bench_rows_cuda check_attention_sm90 \
    check_linear_sm90 test_ops_cuda test_device_cuda cuda_conformance; do
    cp "$work/stub" "$bundle/bin/$name"
done

# The same programs where a build leaves them.
checkout=$work/checkout
mkdir -p "$checkout/tools" "$checkout/build-gpu/tests/device" "$checkout/build-gpu/bench"
cp "$source/tools/gpu_check" "$source/tools/gpu_steps" "$checkout/tools/"
for name in assemlm tests/test_ops_cuda tests/device/test_device_cuda tests/cuda_conformance bench/check_linear_sm90; do
    cp "$work/stub" "$checkout/build-gpu/$name"
    echo "$checkout/build-gpu/$name"
done >"$checkout/build-gpu/gpu_programs.txt"

# gpu EXPECTED FOLDER VARIABLE=VALUE... : gpu_check into FOLDER
gpu() {
    expected=$1 folder=$2
    shift 2
    what="gpu_check into $folder"
    checks=$((checks + 1))
    code=0
    env PATH="$work/tools:/usr/bin:/bin" "$@" "${CHECK:-$bundle/gpu_check}" "$work/$folder" >"$out" 2>"$err" </dev/null || code=$?
    [ $code -eq "$expected" ] || { fail "$what: exit code $code, expected $expected"; tail -n 40 "$out" "$err"; }
    check "$what: summary.json is JSON" "$real" -m json.tool "$work/$folder/summary.json"
}

# has FOLDER EXPRESSION: true of its summary.json `s`, whose last row of step NAME is row("NAME")
has() {
    check "$1: $2" "$real" -c 'import json, sys
s = json.load(open(sys.argv[1]))
def row(name):
    return [r for r in s["steps"] if r["step"] == name][-1]
assert eval(sys.argv[2]), json.dumps(s, indent=1)' "$work/$1/summary.json" "$2"
}

nothing_left() { # of what was started
    checks=$((checks + 1))
    left=$(grep -lzx 'TMPDIR='"$work/tmp" /proc/[0-9]*/environ 2>/dev/null | tr -dc '0-9\n' |
        while read -r pid; do { tr '\0' ' ' <"/proc/$pid/cmdline"; } 2>/dev/null | grep 98765; done)
    [ -z "$left" ] || fail "$1: processes are left: $left"
}

behave() { # NAME=BEHAVIOUR...
    rm -rf "$BEHAVE"
    mkdir "$BEHAVE"
    for pair in "$@"; do
        echo "${pair#*=}" >"$BEHAVE/${pair%%=*}"
    done
}

# ---- Everything passes ----

behave
gpu 0 all
has all 's["complete"] and s["failed"] == 0 and s["not_reached"] == [] and s["gpu"].startswith("NVIDIA \"H200\"")'
has all 's["commit"] == "0123456789abcdef-dirty" and row("pytorch")["verdict"] == "not here"'
has all 'row("ops")["note"] == "5 of 5 operations" and row("memcheck")["note"] == "5 of 5 operations clean"'
has all 'row("models")["note"] == "2 of 2 tests" and row("ops_hopper")["note"] == "2 of 2 operations"'
has all 'row("ladder")["note"] == "plain, lanes, overlap, graph, all"'
has all 'row("release_hopper")["note"] == "1 nodes on linear_bf16_sm90, 1 nodes on attention_bf16_sm90"'
has all 'all(0 <= r["seconds"] < 60 for r in s["steps"])'
check "few files" test "$(ls -A "$work/all" | wc -l)" -le 8
check "the loose files" test -s "$work/all/bench_cold.json" -a -s "$work/all/forward.nsys-rep" -a -s "$work/all/kernels.ncu-rep"
tar -tzf "$work/all/all.tar.gz" >"$work/listed"
check "the archive holds the logs" grep -qx ./memcheck.log "$work/listed"
tar -xzOf "$work/all/all.tar.gz" ./bench_linear.log >"$work/listed"
check "benches have the Hopper kernels that passed" grep -q hopper=1 "$work/listed"

# ---- Things go wrong ----

behave cuda_ops.linear=fail cuda_ops.qkv=stubborn cuda_ops.attention=crash cuda_ops.knn=none assemlm=code3 \
    check_linear_sm90=fail device.golden_tiny=hang
rm -f "$work"/tmp/*.made
gpu 1 wrong TEST_SECONDS=3 LANES=3 STEPS='ops models demo release bench_cold ops_hopper bench_cold_hopper conformance bench_linear'
nothing_left wrong
has wrong 'row("ops")["note"].startswith("1 of 5 operations; failed: ")'
for text in 'linear (failed)' 'qkv (ran past 3 s)' 'attention (signal 11)' 'knn (ran no test)'; do
    has wrong "'$text' in row('ops')['note']"
done
has wrong '"got 2, wanted 1" in row("ops")["reason"] and row("conformance")["verdict"] == "passed"'
has wrong 'row("models")["note"] == "1 of 2 tests; failed: golden_tiny (ran past 3 s)"'
has wrong 'row("demo")["verdict"] == "FAILED (3)" and row("synth")["code"] == 1'
has wrong 'row("release")["note"] == "there is no model of released size" and "release" in s["not_reached"]'
has wrong 'row("bench_cold_hopper")["note"] == "there is no model of released size"'
shows "linear: got 2, wanted 1"

behave assemlm=code3
rm -f "$bundle/bin/bench_rows_cuda"
printf '#!/bin/sh\necho only ours\n' >"$bundle/bin/bench_linear_cuda"
gpu 1 wrong2 STEPS='bench_rows bench_linear'
has wrong2 'row("bench_rows")["code"] == 126 and row("bench_linear")["verdict"] == "not here"'
has wrong2 '"cuBLASLt" in row("bench_linear")["note"]'
behave nsys=qdstrm
gpu 0 second STEPS=profile
has second '"qdstrm" in row("profile")["note"]'
check "what nsys wrote is kept" test -s "$work/second/forward.qdstrm"
echo code4 >"$BEHAVE/bench_points_cuda"
gpu 1 second STEPS=bench_points # into the same folder
has second 'row("profile")["verdict"] == "passed" and row("bench_points")["code"] == 4 and len(s["runs"]) == 2'
check "the summary has both" test "$(grep -c '^GPU: ' "$work/second/summary.txt")" = 2

# ---- Time is up; ended from outside ----

gpu 8 late LIMIT=3 STEPS=conformance
has late 's["passed"] == 0 and s["not_reached"] == ["conformance"] and not s["complete"]'
behave cuda_conformance=stubborn
gpu 1 limit LIMIT=9 STEPS='conformance demo'
has limit '"ran past" in row("conformance")["verdict"] and s["not_reached"] == ["demo"]'
nothing_left limit
for signal in TERM INT KILL; do
    behave cuda_conformance=stubborn
    env PATH="$work/tools:/usr/bin:/bin" STEPS='facts conformance demo' "$real" -c 'import signal, os, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$bundle/gpu_check" "$work/$signal" >"$out" 2>"$err" </dev/null &
    pid=$!
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        sleep 0.3
        grep -q '"running": "conformance"' "$work/$signal/summary.json" 2>/dev/null && break
    done
    sleep 0.5
    kill -s "$signal" $pid
    code=0
    wait $pid 2>/dev/null || code=$?
    case $signal in
        KILL)
            has KILL 's["running"] == "conformance" and row("facts")["verdict"] == "passed" and len(s["not_reached"]) == 2'
            ;;
        *)
            check "$signal: exit code $code" test $code = "$([ $signal = TERM ] && echo 143 || echo 130)"
            has $signal 's["running"] is None and s["not_reached"] == ["conformance", "demo"] and not s["complete"]'
            check "$signal: the text says so" grep -q "interrupted by $signal" "$work/$signal/summary.txt"
            nothing_left $signal
            ;;
    esac
done
for pid in $(grep -lzx "TMPDIR=$work/tmp" /proc/[0-9]*/environ 2>/dev/null | tr -dc '0-9\n'); do # after KILL
    [ "$pid" = $$ ] || kill -KILL "$pid" 2>/dev/null
done

# ---- No GPU, another GPU, no such step ----

behave nvidia-smi=none
gpu 5 none
check "no GPU, in one line" test "$(cat "$work/none/summary.txt")" = "gpu_check: no GPU: nvidia-smi finds none: No devices were found"
behave capability=8.0
gpu 5 other
check "another architecture, in one line" grep -qx 'gpu_check: this bundle is for compute capability 90a, the GPU (.*) has 80: .*' \
    "$work/other/summary.txt"
echo '80;90a' >"$bundle/archs"
gpu 0 older STEPS='conformance linear_sm90 bench_points'
has older 'row("linear_sm90")["verdict"] == "not here" and row("conformance")["verdict"] == "passed"'
gpu_code=0
STEPS=no_such "$bundle/gpu_check" "$work/bad" >"$out" 2>"$err" || gpu_code=$?
check "an unknown step" test $gpu_code = 2
what="an unknown step"
says "there is no step no_such"

# ---- A checkout ----

behave
CHECK=$checkout/tools/gpu_check
gpu 1 checkout STEPS='ops linear_sm90 attention_sm90'
has checkout 'row("build")["verdict"] == "passed" and row("ops")["verdict"] == "passed" and row("linear_sm90")["code"] == 0'
has checkout 'row("attention_sm90")["code"] == 126 and "is missing" in row("attention_sm90")["reason"]'
behave cmake=fail
gpu 1 unbuilt STEPS=ops
has unbuilt 'row("build")["code"] == 1 and "no PNG" in row("build")["reason"] and s["not_reached"] == ["ops"]'

# ---- The output of googletest itself ----

CHECK=$bundle/gpu_check
behave
cp "$shim" "$bundle/bin/test_ops_cuda"
gpu 0 real STEPS='memcheck' SANITIZER_FILTER='cuda_ops.add:cuda_ops.scale:cuda_ops.tables'
has real 'row("memcheck")["note"] == "3 of 3 operations clean"'
nothing_left "at the end"
finish
