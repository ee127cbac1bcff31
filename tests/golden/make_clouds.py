#!/usr/bin/env python3
"""Makes tests/golden/clouds: small NPY files as numpy writes them, all of the same 24 points, and resample.txt, a line a case: points,
points wanted, CRC-32 of the int32 indices rint(linspace(0, points - 1, wanted)) as numpy computes them. Usage: make_clouds.py"""
import pathlib
import zlib

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent / "clouds"


def main():
    HERE.mkdir(exist_ok=True)
    points = np.arange(72, dtype=np.float64).reshape(24, 3) * 0.125 - 4            # exact in float32
    for dtype in "<f4", ">f4", "<f8", ">f8":
        for order in "CF":
            for version in 1, 2, 3:
                name = f"{'le' if dtype[0] == '<' else 'be'}_{dtype[1:]}_{order}_v{version}.npy"
                with open(HERE / name, "wb") as f:
                    np.lib.format.write_array(f, np.array(points, dtype, order=order), (version, 0))
    np.save(HERE / "refused_objects.npy", np.array([[None, 1, 2]] * 24, object), allow_pickle=True)
    np.save(HERE / "refused_structured.npy", np.zeros(24, [("x", "f4"), ("y", "f4"), ("z", "f4")]))
    np.save(HERE / "refused_f2.npy", points.astype("f2"))
    np.save(HERE / "refused_transposed.npy", points.T.astype("f4"))
    rng = np.random.default_rng(0)
    counts = [1, 2, 20, 21, 63, 100, 511, 512, 513, 1000, 1022, 1023, 1024, 1025, 1026, 1535, 1536, 2046, 2047, 2048, 2049, 4095, 4096,
              10007, 65536, 99999, 1000003, 9999991, *rng.integers(20, 300000, 100).tolist()]
    lines = []
    for n in counts:
        for wanted in (1, 2, 7, 1024):
            index = np.rint(np.linspace(0, n - 1, wanted)).astype("<i4")
            lines.append(f"{n} {wanted} {zlib.crc32(index.tobytes()):08x}")
    (HERE / "resample.txt").write_text("\n".join(lines) + "\n")


main()
