#!/bin/sh
# inspect and synth and bench from the outside: what they print adds up, and bad input has its code.
. "$(dirname "$0")/common.sh"

model=$demo/model
runs 0 "model" inspect model "$model"
shows "pvlm_interface.vlm.model.language_model.norm.weight"
# tools/demo/README.md: parameters, the tied table once; bytes of the state file.
check "parameters" grep -Eq '^all +220 +1626392 ' "$out"
shows "3337113 bytes"
check "the head is shared" grep -Eq 'lm_head.weight .*shared|embed_tokens.weight .*shared' "$out"
check "linear0 is unused" grep -Eq 'linear0.* unused' "$out"
cp "$out" "$work/table"
runs 0 "model by option" inspect model --model "$model"
check "both ways are the same" cmp "$work/table" "$out"
runs 4 "no model" inspect model "$work/none"
silent "$out"
cp -r "$model" "$work/copy"
sed -i 's/hidden_dim: 256/hidden_dim: 255/' "$work/copy/config.yaml"
runs 4 "a model that does not fit its settings" inspect model "$work/copy"
shows "pvlm_interface"
says "pose_regression_head"

runs 0 "plan" inspect plan --model "$model" --pages 96x96
shows "lower bound"
runs 0 "roofline" inspect plan --model "$model" --pages 96x96 --roofline h200
shows "TFLOP,"
shows "launches; floor"
check "a line a node" [ "$(grep -cE ' (arithmetic|memory)$' "$out")" -gt 100 ]
runs 2 "roofline of no GPU" inspect plan --model "$model" --roofline h2000
says "expected one of h200, h100"
silent "$out"
runs 2 "dtype" inspect plan --model "$model" --dtype f16
says "f16"
runs 0 "plan in bf16" inspect plan --model "$model" --pages 96x96 --dtype bf16 --device cpu
shows "BF16 ["
runs 0 "devices" inspect device
check "the CPU" grep -Eq '^cpu +(AVX-512|AVX2|no AVX2), [0-9]+ threads$' "$out"
check "what auto takes" grep -Eq '^auto +takes (the CPU|cuda:[0-9]+)$' "$out"
runs 2 "devices have no argument" inspect device cuda
runs 0 "knobs" inspect --env
shows "ASSEMLM_CPU_ISA"
ASSEMLM_CPU_ISA=generic "$program" inspect --env >"$out"
what="a knob's value"
shows "= generic"

# ---- tokens
printf '%s\n' '{"text": "a<|im_end|>"}' '{"text": "a<|im_end|>", "plain": true}' '{"text": "<point>"}' \
    '{"text": "\u0000", "other": 1}' '{"text": 5}' '{}' 'x' '{"text": "a", "plain": "yes"}' '' >"$work/texts"
runs 8 "tokens" inspect tokens "$work/texts" --base "$model/base"
check "a line for a line" [ "$(wc -l <"$out")" -eq 8 ]
check "four of them are errors" [ "$(grep -c '"error"' "$out")" -eq 4 ]
says "4 of 8 lines failed"
check "an added token is one id" [ "$(sed -n 1p "$out" | tr -cd , | wc -c)" -eq 1 ]
check "plain text makes none" [ "$(sed -n 2p "$out" | tr -cd , | wc -c)" -gt 3 ]
check "the base folder has no <point>" [ "$(sed -n 3p "$out" | tr -cd , | wc -c)" -gt 0 ]
runs 8 "tokens of a model" inspect tokens "$work/texts" --model "$model"
check "the model has <point>" [ "$(sed -n 3p "$out" | tr -cd , | wc -c)" -eq 0 ]
printf '{"text": "a chair"}\n' | "$program" inspect tokens --base "$model/base" - >"$out" 2>"$err"
what="tokens from stdin"
shows '{"ids": ['
runs 4 "tokens without tokenizer" inspect tokens "$work/texts" --base "$work"
runs 3 "tokens of no file" inspect tokens "$work/none" --base "$model/base"

# ---- image
page=$demo/samples/leg_1/page1.png
runs 0 "image" inspect image "$page" --base "$model/base" --out "$work/page.safetensors"
check "its tensors" python3 - "$work/page.safetensors" <<'END'
import json, struct, sys
data = open(sys.argv[1], "rb").read()
n = struct.unpack("<Q", data[:8])[0]
h = json.loads(data[8:8 + n])
h.pop("__metadata__", None)
assert set(h) == {"rgb", "grid_thw", "patch_bytes"}, h
assert h["rgb"]["shape"] == [96, 96, 3] and h["rgb"]["dtype"] == "U8"
begin, end = h["grid_thw"]["data_offsets"]
t, r, c = struct.unpack("<3q", data[8 + n + begin:8 + n + end])
assert t == 1 and h["patch_bytes"]["shape"] == [r * c, 1536], (t, r, c, h)
END
runs 0 "image with a model" inspect image "$page" --model "$model" --out "$work/again.safetensors"
check "both ways are the same" cmp "$work/page.safetensors" "$work/again.safetensors"
echo x >"$work/bad.png"
runs 3 "a broken image" inspect image "$work/bad.png" --base "$model/base" --out "$work/bad.safetensors"
check "nothing is left of it" [ ! -e "$work/bad.safetensors" ]

# ---- dump
runs 0 "dump" predict --sample leg_1 --dump "$work/stages.safetensors" --quiet --json
check "stages by name" sh -c 'head -c 20000 "$1" | grep -aq "\"head.output\""' sh "$work/stages.safetensors"

# ---- synth: the first elements of the rule (golden README) come back through inspect
runs 0 "synth" synth model --preset tiny --seed 1 --to "$work/tiny" --quiet
silent "$err"
runs 0 "the model that was made" inspect model "$work/tiny"
runs 7 "the folder exists" synth model --preset tiny --seed 1 --to "$work/tiny"
runs 0 "the same as safetensors" synth model --seed 1 --to "$work/tiny2" --container safetensors
runs 2 "another preset" synth model --preset huge --to "$work/x"
# Builds without HDF5 say so.
"$program" synth data --samples 3 --to "$work/a.hdf5" --quiet >"$out" 2>"$err"
if grep -q "this build has no HDF5" "$err"; then
    check "no file without HDF5" [ ! -e "$work/a.hdf5" ]
else
    runs 7 "the data file exists" synth data --samples 3 --to "$work/a.hdf5"
    says "exists; --force replaces it"
    runs 0 "on one thread" synth data --samples 3 --to "$work/b.hdf5" --threads 1 --force
    silent "$out"
    check "the same data" cmp "$work/a.hdf5" "$work/b.hdf5"
    runs 7 "no such folder" synth data --samples 3 --to "$work/none/a.hdf5"
    check "one line" [ "$(wc -l <"$err")" -eq 1 ]
fi

# ---- bench
runs 0 "bench" bench --repeats 2 --warmup 1 --nodes
shows "| stage | median ms |"
shows "| total |"
runs 0 "bench as JSON" bench --pages 64x64 --repeats 2 --warmup 0 --json --nodes
check "bench JSON" python3 -c 'import json, sys
r = json.load(open(sys.argv[1]))
assert r["repeats"] == 2 and r["nodes"] and r["kernels"] and r["machine"]["threads"] >= 1
for s in r["stages"]:
    assert 0 <= s["min_ms"] <= s["median_ms"] <= s["p99_ms"] <= s["max_ms"], s
assert r["stages"][-1]["stage"] == "total"' "$out"
runs 0 "bench with the manual held" bench --repeats 2 --warmup 0 --warm
shows "warm"
grep -q '| vision |' "$out" && fail "a warm run computes its pages"
runs 2 "cold and warm" bench --cold --warm
runs 2 "no runs" bench --repeats 0
finish
