#!/bin/sh
# Where output goes: stdout and stderr apart, files whole or not at all, nothing replaced without --force, and the code
# for an output that cannot be written.
. "$(dirname "$0")/common.sh"

# $1 what, then the program's arguments: stdout in turn full, closed and a pipe that nobody reads.
unwritable() {
    label=$1
    shift
    if [ -w /dev/full ]; then
        "$program" "$@" >/dev/full 2>"$err" </dev/null
        code=$?
        check "$label: stdout full: code $code, expected 7" [ $code -eq 7 ]
        what="$label, full"
        says "stdout"
    fi
    "$program" "$@" >&- 2>"$err" </dev/null
    code=$?
    check "$label: stdout closed: code $code, expected 7" [ $code -eq 7 ]
    mkfifo "$work/pipe"
    (exec 3<"$work/pipe"; exec 3<&-; : >"$work/gone") &
    reader=$!
    (
        exec >"$work/pipe"
        wait_for=0
        while [ ! -e "$work/gone" ] && [ $wait_for -lt 100 ]; do
            sleep 0.05
            wait_for=$((wait_for + 1))
        done
        "$program" "$@" 2>"$err" </dev/null
        echo $? >"$work/code"
    )
    wait $reader
    check "$label: nobody reads: code $(cat "$work/code"), expected 7" [ "$(cat "$work/code")" -eq 7 ]
    rm -f "$work/pipe" "$work/gone"
}
unwritable help help predict
unwritable "list of samples" predict --list-samples
unwritable knobs inspect --env
unwritable model inspect model "$demo/model"
unwritable pose predict --json

# stderr closed: the result comes all the same.
"$program" predict --list-samples >"$out" 2>&- </dev/null
check "stderr closed" [ $? -eq 0 ]
check "stderr closed: the list is there" grep -q leg_1 "$out"
# stdin closed: a list from it cannot be read; no file takes its number.
"$program" predict --model "$demo/model" --list - >"$out" 2>"$err" <&-
check "stdin closed" [ $? -eq 3 ]
"$program" predict --json >"$out" 2>"$err" <&-
check "stdin closed, not needed" [ $? -eq 0 ]

# ---- --out
runs 0 "--out" predict --list-samples --out "$work/samples"
silent "$out"
check "--out has the list" grep -q leg_1 "$work/samples"
echo precious >"$work/samples"
runs 7 "--out exists" predict --list-samples --out "$work/samples"
says "exists"
check "the file is as it was" grep -qx precious "$work/samples"
runs 0 "--force" predict --list-samples --out "$work/samples" --force
check "--force replaces it" grep -q leg_1 "$work/samples"
runs 7 "--out is a folder" predict --list-samples --out "$work" --force
runs 7 "--out in no folder" predict --list-samples --out "$work/none/x"
runs 0 "--out -" predict --list-samples --out -
shows "leg_1"
ln -s "$work/samples" "$work/link"
runs 7 "--out is a link" predict --list-samples --out "$work/link"
if [ -w /dev/full ]; then
    runs 7 "--out /dev/full" predict --list-samples --out /dev/full
    check "the device is still one" [ -c /dev/full ]
fi
# Nothing half-written stays: neither the file nor its temporary name.
mkdir "$work/empty"
runs 4 "a model that is not there" predict --model "$work/none" --list x --out "$work/empty/out"
says "hf download TeleEmbodied/AssemLM2.0"
check "no file is left" [ -z "$(ls -A "$work/empty")" ]
if [ "$(id -u)" -ne 0 ]; then
    chmod 500 "$work/empty"
    runs 7 "a read-only folder" predict --list-samples --out "$work/empty/out"
    chmod 700 "$work/empty"
fi

# ---- What exists is refused before the work, by each option that writes.
: >"$work/x.png"
: >"$work/x.safetensors"
runs 7 "--render exists" predict --render "$work/x.png"
runs 7 "--dump exists" predict --dump "$work/x.safetensors"
runs 7 "inspect image exists" inspect image "$demo/samples/leg_1/page1.png" --base "$demo/model/base" \
    --out "$work/x.safetensors"
check "the files are still empty" [ ! -s "$work/x.png" ] && [ ! -s "$work/x.safetensors" ]
check "nothing else was left" [ "$(ls "$work" | grep -c 'x\.png\|x\.safetensors')" -eq 2 ]

# ---- A locale with other digits and commas changes nothing.
runs 0 "plain locale" predict --json --threads 1
sed 's/"timings_ms": {[^}]*}//' "$out" >"$work/plain"
for locale in de_DE.UTF-8 ar_EG.UTF-8 tr_TR.UTF-8 no_SUCH; do
    LC_ALL=$locale LANG=$locale "$program" predict --json --threads 1 2>/dev/null </dev/null |
        sed 's/"timings_ms": {[^}]*}//' >"$work/other"
    check "locale $locale" cmp "$work/plain" "$work/other"
done
finish
