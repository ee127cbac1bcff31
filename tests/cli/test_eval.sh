#!/bin/sh
# eval and merge: exit codes, what is said and written, and runs that are killed: every final file is the same bytes as
# that of an undisturbed run. KILLS=300 kills that often (default 8).
. "$(dirname "$0")/common.sh"
kills=${KILLS:-8}
golden=$source/tests/golden/assembench
data=$golden/data
given() { # RUN OPTION...: scores the golden predictions
    folder=$1
    shift
    set -- eval --data "$data" --predictions "$golden/predictions.jsonl" --seeds 0,1,42 --split train,test --shuffle \
        --num-samples "train:100,test:all,biasassembly/train:4,biasassembly/test:1300,partnet/test:4" \
        --checkpoint checkpoint/stub.pt --timestamp 20260101_000000 --out "$folder" "$@"
    ${starts:-} "$program" "$@"
}

# ---- What is said
runs 0 "help" eval --help
shows "--predictions"
shows "--resume"
runs 2 "no data" eval
says "--data"
runs 2 "no such folder" eval --data "$work/nowhere"
says "$work/nowhere"
runs 2 "two sources of poses" eval --data "$data" --model "$demo/model" --predictions x
says "exclude each other"
runs 2 "merge of nothing" merge
runs 2 "merge of a folder without a run" merge "$work"
says "eval_results.json"
runs 2 "an unknown format" eval --data "$data" --predictions "$golden/predictions.jsonl" --format pdf --out "$work/none"
says "pdf"
check "a refused option leaves nothing" test ! -e "$work/none"
runs 8 "bad samples" eval --data "$golden/broken/data" --predictions "$golden/broken/predictions.jsonl" --out "$work/broken"
says "3 of 4 data sets"
says "assemlm_noobjs.hdf5"
ASSEMLM_DATA_ROOT=$data
export ASSEMLM_DATA_ROOT
runs 8 "the folder from the environment" eval --predictions "$golden/runs/plain/predictions.jsonl" --datasets twobytwo,ikea \
    --seeds 42 --out "$work/environment" --format none
unset ASSEMLM_DATA_ROOT
ASSEMLM_TWOBYTWO_HDF5=$data/assemlm_partnet.hdf5 "$program" eval --data "$data" --datasets twobytwo --export-draws \
    "$work/other.safetensors" 2>"$err" || fail "another file from the environment"
check "it was read" grep -q "Chair\|Bag\|Lamp\|Storage\|Knife\|Table\|_" "$work/other.safetensors"

# ---- Runs that are disturbed
check "an undisturbed run" given "$work/whole"
same() { # FOLDER: its final files are those of the undisturbed run (aggregates hold absolute paths)
    for file in $(cd "$work/whole" && find . -type f ! -name 'journal-*' ! -name timing.json); do
        sed "s|$1|RUN|g" "$1/$file" >"$work/a" 2>/dev/null
        sed "s|$work/whole|RUN|g" "$work/whole/$file" >"$work/b"
        cmp "$work/a" "$work/b" || return 1
    done
}
kill_runs() { # FOLDER COMMAND...: starts it again and again, killed each time, then once to its end
    folder=$1
    shift
    rm -rf "$folder"
    "$@" >/dev/null 2>&1 || return 1 # how long it takes
    began=$(date +%s%N)
    rm -rf "$folder"
    "$@" >/dev/null 2>&1 || return 1
    took=$((($(date +%s%N) - began) / 1000000 + 1))
    rm -rf "$folder"
    killed=0
    while [ $killed -lt "$kills" ]; do
        number=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
        (starts=exec && "$@") >/dev/null 2>&1 & # the program itself, so that it is what is killed
        process=$!
        sleep "$(awk "BEGIN { print $number % $took / 1000 }")"
        if kill -9 $process 2>/dev/null; then
            killed=$((killed + 1))
        else
            rm -rf "$folder" # it was done: begin anew
        fi
        wait $process 2>/dev/null
    done
    "$@" >/dev/null 2>&1
}
with_poses() { given "$work/killed" --resume --batch 7; }
check "runs with poses are killed" kill_runs "$work/killed" with_poses
check "the same files" same "$work/killed"
model_run() { # FOLDER OPTION...
    folder=$1
    shift
    ${starts:-} "$program" eval --data "$data" --datasets twobytwo,ikea --seeds 0,1 --num-samples 3 --shuffle --timestamp 20260101_000000 \
        --out "$folder" "$@"
}
check "an undisturbed run of the demo model" model_run "$work/model_whole"
with_model() { model_run "$work/model_killed" --resume --batch 1; }
check "runs of the model are killed" kill_runs "$work/model_killed" with_model
mv "$work/whole" "$work/poses_whole"
mv "$work/model_whole" "$work/whole"
sed -i "s|$work/model_whole|$work/whole|g" $(grep -rlF "$work/model_whole" "$work/whole" | grep -v journal)
check "the same files of the model" same "$work/model_killed"
mv "$work/whole" "$work/model_whole"
mv "$work/poses_whole" "$work/whole"

# Files of at most 20 KB: a full disk. The run ends with 7, says so once, and goes on when there is room.
(ulimit -f 20 && trap '' XFSZ && given "$work/full" >"$out" 2>"$err")
code=$?
[ $code -eq 7 ] || fail "a full disk: exit code $code, expected 7"
what="a full disk"
says "$work/full"
check "one line is said" test "$(wc -l <"$err")" -eq 1
check "a run goes on after a full disk" given "$work/full" --resume
check "the same files after a full disk" same "$work/full"
touch "$work/file"
given "$work/file/below" >"$out" 2>"$err"
code=$?
[ $code -eq 7 ] || fail "a folder that cannot be made: exit code $code, expected 7"
if [ "$(id -u)" -ne 0 ]; then
    mkdir -m 555 "$work/locked"
    given "$work/locked/run" >"$out" 2>"$err"
    [ $? -eq 7 ] || fail "a read-only folder: expected exit code 7"
fi

# ---- Shards
for shard in 0 1 2; do
    check "shard $shard" given "$work/shards" --shard $shard/3 --quiet
done
run=$work/shards/stub.pt/20260101_000000
RANK=3 WORLD_SIZE=4 given "$work/ranks" --shard auto --quiet || fail "torchrun's variables"
check "torchrun's shard" test -f "$work/ranks/stub.pt/20260101_000000/assemlm.run/journal-3-of-4.jsonl"
runs 9 "a shard alone" merge "$work/ranks/stub.pt/20260101_000000" --strict
says "missing: "
says "samples are missing"
runs 0 "three shards" merge "$run" --strict --expect 0,1,42
runs 0 "three shards, elsewhere" merge "$run" --out "$work/merged" --format json,html
check "results elsewhere" test -f "$work/merged/seed_42/eval_results.json"
runs 0 "two runs" merge "$run" --compare "$work/whole/stub.pt/20260101_000000" --out "$work/compared" --format json,md
runs 0 "results of others" merge "$golden/eval_results/stub.pt/20260101_000000" --expect 0,1,42 --out "$work/others"
runs 2 "results of others, other seeds" merge "$golden/eval_results/stub.pt/20260101_000000" --out "$work/others"
runs 9 "the same, strictly" merge "$golden/eval_results/stub.pt/20260101_000000" --out "$work/others" --strict

# ---- Samples as drawn
runs 0 "drawn samples" eval --data "$data" --seeds 0,42 --shuffle --export-draws "$work/draws.safetensors"
runs 7 "a file that is there" eval --data "$data" --export-draws "$work/draws.safetensors"
runs 0 "over a file that is there" eval --data "$data" --export-draws "$work/draws.safetensors" --force
finish
