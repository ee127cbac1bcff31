#!/bin/sh
# inspect data from the outside: the golden files, whole and sample by sample; bad files have their codes.
. "$(dirname "$0")/common.sh"

golden=$source/tests/golden/assembench
good=$golden/data/assemlm_biasassembly.hdf5
broken=$golden/broken/data/assemlm_broken.hdf5

runs 0 "a file" inspect data "$good"
silent "$err"
shows "14 objects, 14 samples, 0 bad"
shows "missing in train: Mug/no-such-object/9"
shows "abandoned in test: Teapot/a2bd5f/12"
shows "pages: 28 of 64x64"
check "a category of both splits" grep -Eq '^  train +3  test +2  Bowl$' "$out"
runs 0 "the same as JSON" inspect data "$good" --json --out "$work/report.json"
silent "$out"
check "the JSON adds up" python3 - "$work/report.json" "$golden/samples.json" <<'END'
import json, sys
report, golden = json.load(open(sys.argv[1])), json.load(open(sys.argv[2]))
categories = {}
for run in golden:
    if "biasassembly" in run["file"]:
        split = report["splits"][run["split"]]
        for key in ("samples", "missing", "abandoned"):
            assert split[key] == run[key], (key, split, run)
        assert split["listed"] == sum(run[k] for k in ("samples", "missing", "abandoned"))
        for row in run["rows"]:
            counts = categories.setdefault(row["category"], {"train": 0, "test": 0})
            counts[run["split"]] += 1
assert {c.pop("category"): c for c in report["categories"]} == categories, report["categories"]
assert sum(e["samples"] for e in report["moving_points"]) == report["samples"] == 14
assert [e["points"] for e in report["fixed_points"]] == [700, 1000, 1024, 2000]
assert report["bad"] == 0 and report["bad_samples"] == []
END
runs 7 "an existing file" inspect data "$good" --out "$work/report.json"
for name in ikea partnet twobytwo; do
    runs 0 "$name" inspect data "$golden/data/assemlm_$name.hdf5"
    shows ", 0 bad"
done

runs 8 "a file with bad samples" inspect data "$broken" --json
says "samples that cannot be read: 19"
check "each bad sample has its reason" python3 - "$out" "$golden/broken/expected.json" <<'END'
import json, sys
report, expected = json.load(open(sys.argv[1])), json.load(open(sys.argv[2]))
want = [(s["idx"], s["asset"]) for s in expected["samples"] if s["exception"]]
assert [(b["idx"], b["asset"]) for b in report["bad_samples"]] == want, report
for b in report["bad_samples"]:
    assert b["error"].startswith("objs/" + b["asset"]) and b["split"] == "test", b
END
runs 8 "the same as text" inspect data "$broken"
check "a line for each" [ "$(grep -c '^bad in test: ' "$out")" -eq 19 ]
for name in noobjs nosplit notrain; do
    runs 3 "$name" inspect data "$golden/broken/data/assemlm_$name.hdf5"
    silent "$out"
    says "is missing"
    check "one line" [ "$(wc -l <"$err")" -eq 1 ]
done
runs 3 "no file" inspect data "$work/none.hdf5"
says "none.hdf5: No such file or directory"
head -c 5000 "$good" >"$work/cut.hdf5"
runs 3 "a file that is cut short" inspect data "$work/cut.hdf5" --out "$work/none.json"
says "cut.hdf5: is cut short"
check "nothing is left of the output" [ ! -e "$work/none.json" ]

# ---- One sample
runs 0 "a sample" inspect data "$good" --sample Bowl/99882e/0 --render "$work/a.png"
shows "Bowl_99882e_0: Bowl"
shows "listed in train as sample 0"
shows "listed in train as sample 6"
shows "moving: 2000 points"
check "a picture" sh -c 'head -c 8 "$1" | od -An -tx1 | grep -q "89 50 4e 47"' sh "$work/a.png"
runs 0 "the same by its key" inspect data "$good" --sample Bowl_99882e_0 --render "$work/b.png"
check "the same picture" cmp "$work/a.png" "$work/b.png"
runs 7 "the picture exists" inspect data "$good" --sample Bowl_99882e_0 --render "$work/b.png"
runs 0 "it is replaced" inspect data "$good" --sample Bowl_99882e_0 --render "$work/b.png" --force
runs 8 "an abandoned sample with a bad cloud" inspect data "$good" --sample Teapot/a2bd5f/12 --render "$work/c.png"
shows "abandoned in test"
shows "bad: objs/Teapot_a2bd5f_12/partA-pc: point 17 is NaN"
check "its pages are drawn" [ -s "$work/c.png" ]
runs 8 "a sample with bad pages" inspect data "$broken" --sample image_grey --json
check "its clouds are there" python3 -c 'import json, sys
r = json.load(open(sys.argv[1]))
assert r["moving"]["points"] == 40 and len(r["errors"]) == 1 and "pages" not in r, r
assert all(a <= m <= b for a, m, b in zip(*(r["fixed"][k] for k in ("min", "mean", "max")))), r' "$out"
runs 3 "no such sample" inspect data "$good" --sample nobody
says "objs/nobody: is missing"
runs 2 "a picture of everything" inspect data "$good" --render "$work/d.png"
runs 2 "no file given" inspect data

# ---- Without standard descriptors, and with a reader that dies
what="closed descriptors"
check "output with stdin and stderr closed" sh -c '"$1" inspect data "$2" >"$3" <&- 2>&-' sh "$program" "$good" "$out"
shows "14 samples"
finish
