#!/bin/sh
# --list: order and count are kept whatever the lines hold, ids come back, the bits do not depend on company, order or
# threads, and a pipe gets its answers as they are made.
. "$(dirname "$0")/common.sh"

model=$demo/model
cp -r "$demo/samples" "$work/samples"
line() {
    printf '{"id": "%s", "fixed": "samples/%s/fixed.npy", "moving": "samples/%s/moving.npy", ' "$1" "$2" "$2"
    printf '"manual": ["samples/%s/page1.png", "samples/%s/page2.png"], "category": "%s", ' "$2" "$2" "$3"
    printf '"units": "unit", "centred": true}\n'
}
good=$(line good leg_1 "stool leg")
long=$(head -c 1100000 /dev/zero | tr '\0' x)

# One bad line of each kind, good ones between; blank lines count for nothing.
{
    line first peg_1 "keyed peg"
    echo 'not json'
    echo '{"id": "unknown", "fixd": 1}'
    echo '{"id": "twice", "fixed": "a", "fixed": "b"}'
    echo '{"fixed": 7, "id": "type"}'
    echo
    echo '   '
    echo '{"id": "pages", "fixed": "a", "moving": "b", "category": "c", "manual": ["x"]}'
    echo '{"id": "pages3", "fixed": "a", "moving": "b", "category": "c", "manual": ["x", "y", "z"]}'
    echo '{"id": "missing", "fixed": "a", "moving": "b", "manual": ["x", "y"]}'
    echo '{"id": "units", "units": "km"}'
    echo '{"id": "centred", "centred": 1}'
    echo '{"id": 5, "fixed": "a"}'
    echo '[1, 2]'
    echo '{"id": "open", "fixed": "a'
    printf '{"id": "long", "category": "%s"}\n' "$long"
    line second leg_1 "stool leg"
    line gone leg_1 "stool leg" | sed 's/page2/page9/'
    echo '{"id": "stdin", "fixed": "-", "moving": "-", "manual": ["-", "-"], "category": "x"}'
    printf '{"id": "\377", "fixed": "a"}\n'
    line "<|im_end|>" leg_1 "<|im_end|> <point>"
    line last shade_1 "lamp shade" | tr -d '\n'
} >"$work/list.jsonl"
runs 8 "a list with bad lines" predict --model "$model" --list "$work/list.jsonl"
says "samples failed"
cat >"$work/check.py" <<'END'
import json, sys
rows = [json.loads(l) for l in open(sys.argv[1], encoding="utf-8")]
want = [("first", True, None), (None, False, None), ("unknown", False, None), ("twice", False, None),
        ("type", False, "fixed"), ("pages", False, "manual"), ("pages3", False, "manual"),
        ("missing", False, "category"), ("units", False, "units"), ("centred", False, "centred"), (None, False, "id"),
        (None, False, None), ("open", False, None), (None, False, None), ("second", True, None),
        ("gone", False, "manual"), ("stdin", False, "fixed"), (None, False, None), ("<|im_end|>", True, None),
        ("last", True, None)]
got = [(r["id"], r["ok"], None if r["ok"] else r["error"]["param"]) for r in rows]
for w, g in zip(want, got):
    if w != g:
        print("expected", w, "got", g)
for r in rows:
    if r["ok"] != ("pose" in r) or r["ok"] == ("error" in r):
        print("pose and error:", r["id"])
        want = None
    if not r["ok"] and (r["error"]["code"] != "invalid_sample" or "line " not in r["error"]["message"]):
        print("message:", r)
        want = None
sys.exit(got != want)
END
check "each line has its answer, in order" python3 "$work/check.py" "$out"
grep -q "unknown key 'fixd'" "$out" || fail "the unknown key is not named"

# The same sample: the same bits alone, in a list, at another place, with other threads.
bits() {
    python3 -c 'import json, sys
for l in open(sys.argv[1]):
    r = json.loads(l)
    print(r["id"], json.dumps(r["raw"]), json.dumps(r["matrix"]))' "$1"
}
{ line a leg_1 "stool leg"; line b peg_2 "keyed peg"; line c bracket_2 "shelf bracket"; line d leg_2 "stool leg"; } >"$work/four.jsonl"
tac "$work/four.jsonl" >"$work/ruof.jsonl"
runs 0 "four samples" predict --model "$model" --list "$work/four.jsonl" --threads 1
bits "$out" >"$work/four"
runs 0 "four samples backwards" predict --model "$model" --list "$work/ruof.jsonl" --threads 3
bits "$out" | tac >"$work/ruof"
check "order and threads do not matter" cmp "$work/four" "$work/ruof"
for number in 1 2 3 4; do
    sed -n ${number}p "$work/four.jsonl" >"$work/one.jsonl"
    runs 0 "one of four" predict --model "$model" --list "$work/one.jsonl"
    bits "$out" >"$work/one"
    sed -n ${number}p "$work/four" >"$work/of"
    check "line $number alone" cmp "$work/one" "$work/of"
done
runs 0 "the named sample" predict --sample leg_1 --id a --json
bits "$out" >"$work/one"
sed -n 1p "$work/four" >"$work/of"
check "--sample gives the list's bits" cmp "$work/one" "$work/of"

# Defaults of the command line, --out, an empty list, a list that is not there.
echo "$good" | sed 's/, "units": "unit", "centred": true//' >"$work/plain.jsonl"
runs 0 "units and centred as options" predict --model "$model" --list "$work/plain.jsonl" --units unit --centred
sed 's/"id": "good"/"id": "a"/' "$out" >"$work/named"
bits "$work/named" >"$work/one"
check "options are defaults of the lines" cmp "$work/one" "$work/of"
runs 0 "--out" predict --model "$model" --list "$work/plain.jsonl" --out "$work/result"
check "--out has a line" [ "$(wc -l <"$work/result")" -eq 1 ]
: >"$work/empty.jsonl"
runs 0 "an empty list" predict --model "$model" --list "$work/empty.jsonl"
silent "$out"
runs 3 "no list" predict --model "$model" --list "$work/none.jsonl"
says "none.jsonl"
runs 3 "a folder as list" predict --model "$model" --list "$work"
runs 4 "a model that is not there" predict --model "$work/none" --list "$work/empty.jsonl"

# From a pipe, line by line: the first answer is there before the second question.
cat >"$work/talk.py" <<'END'
import json, subprocess, sys
program, model, lines = sys.argv[1], sys.argv[2], open(sys.argv[3]).read().splitlines()
p = subprocess.Popen([program, "predict", "--model", model, "--list", "-", "--quiet"], stdin=subprocess.PIPE,
                     stdout=subprocess.PIPE, text=True)
for line in lines:
    p.stdin.write(line + "\n")
    p.stdin.flush()
    if json.loads(p.stdout.readline())["id"] != json.loads(line)["id"]:
        sys.exit("wrong answer")
p.stdin.close()
sys.exit(p.wait())
END
checks=$((checks + 1))
timeout 60 python3 "$work/talk.py" "$program" "$model" "$work/four.jsonl" || fail "answers do not come line by line"
finish
