"""Compares the program's lines for the demo's samples with what was published, and their form with the README.

    check_demo.py DEMO_FOLDER FOLDER_WITH_NAME.json_AND_NAME.txt
"""
import json
import math
import pathlib
import re
import sys

demo, got = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
KEYS = ["id", "ok", "pose", "units", "matrix", "convention", "frame_id", "child_frame_id", "center_subtracted", "raw",
        "sampling", "warnings", "timings_ms", "model", "engine"]
failures = 0


def expect(condition, text):
    global failures
    if not condition:
        failures += 1
        print(text)


def numbers(value):
    if isinstance(value, (list, tuple)):
        return [n for v in value for n in numbers(v)]
    return [value]


for row in json.loads((demo / "expected.json").read_text()):
    name = row["name"]
    text = (got / f"{name}.json").read_text()
    expect(text.count("\n") == 1 and text.endswith("\n"), f"{name}: not one line")
    line = json.loads(text)
    expect(list(line) == KEYS, f"{name}: keys {list(line)}")
    expect(line["id"] == name and line["ok"] is True, f"{name}: id or ok")
    raw = line["raw"]
    pose = raw["translation"] + raw["rotation_6d"]
    for i, (a, b) in enumerate(zip(pose, row["pose"], strict=True)):
        expect(abs(a - b) <= 1e-4, f"{name}: pose {i} is {a}, expected {b}")
    # The rotation's numbers follow from the pose's by a map whose slope is about 1/|a|, near 1 here.
    for a, b in zip(numbers(raw["rotation_matrix"]), numbers(row["rotation_matrix"]), strict=True):
        expect(abs(a - b) <= 3e-4, f"{name}: rotation_matrix {a}, expected {b}")

    m, q, p = line["matrix"], line["pose"]["orientation"], line["pose"]["position"]
    expect(len(m) == 4 and all(len(r) == 4 for r in m) and m[3] == [0, 0, 0, 1], f"{name}: matrix")
    rotation = [r[:3] for r in m[:3]]
    # The user's rotation is the transpose of the model's.
    for i in range(3):
        for j in range(3):
            expect(abs(rotation[i][j] - raw["rotation_matrix"][j][i]) <= 1e-12, f"{name}: matrix is not the transpose")
            dot = sum(rotation[i][k] * rotation[j][k] for k in range(3))
            expect(abs(dot - (i == j)) <= 1e-6, f"{name}: matrix is not orthonormal")
    x, y, z, w = (q[k] for k in "xyzw")
    expect(w >= 0 and abs(x * x + y * y + z * z + w * w - 1) <= 1e-12, f"{name}: quaternion")
    of_q = [[1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)]]
    for a, b in zip(numbers(rotation), numbers(of_q), strict=True):
        expect(abs(a - b) <= 1e-9, f"{name}: quaternion and matrix differ")
    # Centred already, in units of its own: nothing was taken off, and t is the model's.
    expect(line["units"] == "unit" and line["center_subtracted"] == [0, 0, 0], f"{name}: units or centre")
    for k, axis in enumerate("xyz"):
        expect(p[axis] == m[k][3] == raw["translation"][k], f"{name}: position")
    expect("p_fixed = R*p_moving + t" in line["convention"], f"{name}: convention")
    expect((line["frame_id"], line["child_frame_id"]) == ("fixed", "moving"), f"{name}: frames")
    n_in = 1000 if name == "leg_2" else 1024
    expect(line["sampling"] == {"method": "linspace", "n_in": {"fixed": n_in, "moving": n_in}, "n_used": 1024} or
           name == "leg_2" and line["sampling"]["n_in"]["moving"] == 1000, f"{name}: sampling {line['sampling']}")
    expect(line["model"]["name"] == "model" and "sha256" in line["model"], f"{name}: model")
    expect(set(line["engine"]) == {"version", "commit", "device", "dtype"}, f"{name}: engine")
    expect(line["timings_ms"]["total"] > 0 and all(t >= 0 for t in line["timings_ms"].values()), f"{name}: timings")

    # The text for people: 2 and 4 decimals, so half a unit of the last place on top of the pose's own tolerance
    # (1e-4 on each number of two unit columns: at most 0.02 degrees).
    found = re.search(r"rotation ([\d.]+) degrees, translation ([\d.]+) \(rmse ([\d.]+)\)", (got / f"{name}.txt").read_text())
    expect(found is not None, f"{name}: no error against the truth")
    if found:
        degrees, distance, rmse = map(float, found.groups())
        expect(abs(degrees - row["gd_degrees"]) <= 0.005 + 0.02, f"{name}: {degrees} degrees, expected {row['gd_degrees']}")
        expect(abs(rmse - row["rmse_t"]) <= 0.00005 + 1e-4, f"{name}: rmse {rmse}, expected {row['rmse_t']}")
        expect(abs(distance - math.sqrt(3) * row["rmse_t"]) <= 0.00005 + 2e-4, f"{name}: distance {distance}")
sys.exit(failures != 0)
