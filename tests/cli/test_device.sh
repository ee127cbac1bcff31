#!/bin/sh
# Devices that are not there: exit code 5, one line that says why, nothing on stdout. Holds in builds with and without
# CUDA, and where there is a GPU: it is hidden.
. "$(dirname "$0")/common.sh"
export CUDA_VISIBLE_DEVICES=

refused() {
    runs 5 "$@"
    silent "$out"
    check "$what: one line on stderr" [ "$(wc -l <"$err")" -eq 1 ]
}

for device in cuda cuda:0 cuda:1 cuda:0,1 cuda:x cuda: cuda:-1 cuda:99999999999999999999 gpu CUDA cuda0 cpu:0 'cuda 0'; do
    refused "device '$device'" predict --sample leg_1 --device "$device"
done
for device in gpu CUDA cuda0 cpu:0 'cuda 0'; do
    refused "device '$device'" predict --sample leg_1 --device "$device"
    says "device $device: expected cpu, cuda, cuda:N or auto"
done
refused "escape sequences" predict --sample leg_1 --device "$(printf 'cuda\033[31m')"
if grep -q "$(printf '\033')" "$err"; then
    fail "a control character of a device was printed"
fi

# Every verb that computes.
: >"$work/empty.jsonl"
runs 0 "a model" synth model --preset tiny --seed 1 --to "$work/model"
refused "a list" predict --model "$work/model" --list "$work/empty.jsonl" --device cuda:0,1
refused "a plan" inspect plan --model "$work/model" --device cuda
refused "a bench" bench --model "$work/model" --sample leg_1 --device cuda
ASSEMLM_DEVICE=cuda
export ASSEMLM_DEVICE
refused "the twin" predict --sample leg_1
unset ASSEMLM_DEVICE

# As JSON the answer says so too.
runs 5 "as JSON" predict --sample leg_1 --device cuda --json
shows '"code": "no_device"'
if grep -q matrix "$out"; then
    fail "a pose without a device"
fi

# Without a GPU auto is the CPU, and what computes on it is the same.
for device in auto cpu; do
    runs 0 "--device $device" predict --model "$work/model" --sample leg_1 --device $device --json
    shows '"device": "cpu"'
    shows '"dtype": "f32"'
done
finish
