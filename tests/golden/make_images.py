#!/usr/bin/env python3
"""Makes tests/golden/images_more: pictures of kinds that golden/images lacks, and what the specification's program
(--oracle, the folder with assemlm2.py) makes of them. Needs Pillow and numpy. Usage: make_images.py --oracle DIR

expected.txt, a line a case: file, width, height, area_min, area_max, rows and columns of the grid, CRC-32 of the RGB bytes
and of the patch rows."""
import argparse
import io
import pathlib
import random
import struct
import sys
import zlib

import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).resolve().parent / "images_more"
ADAM7 = (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, bits, colour, interlaced=False, extra=(), seed=0):
    """A PNG of random samples, row filters random too: Pillow writes neither interlaced nor 16-bit colour files."""
    rng = random.Random(seed)
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    rows = b""
    for x, y, dx, dy in ADAM7 if interlaced else [(0, 0, 1, 1)]:
        w, h = -(-(width - x) // dx), -(-(height - y) // dy)
        if w > 0 and h > 0:
            for _ in range(h):
                rows += bytes([rng.randrange(5)]) + rng.randbytes((w * bits * samples + 7) // 8)
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunk(*e) for e in extra)
            + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def picture(width, height, channels=3, seed=0):
    """Waves and a little noise."""
    y, x = np.mgrid[:height, :width]
    wave = 127 + 90 * np.sin(x[..., None] / 7 + np.arange(channels)) * np.cos(y[..., None] / 5)
    noise = np.random.default_rng(seed).normal(size=(height, width, channels)) * 8
    return (wave + noise).clip(0, 255).astype(np.uint8)


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def resampled(data, width, height, factors):
    """A JPEG with another size and other sampling factors of its first component, and the same number of blocks in all: valid,
    though the picture is scrambled. Pillow cannot write these factors."""
    frame = data.index(b"\xff\xc0")              # marker, length, precision, height at 5, width, count, id, factors at 11
    return (data[:frame + 5] + struct.pack(">HH", height, width) + data[frame + 9:frame + 11] + bytes([factors])
            + data[frame + 12:])


def files():
    palette, black = bytes(range(20, 20 + 3 * 12)), b"\0" * 4
    rgb = lambda w, h, seed=0: Image.fromarray(picture(w, h, 3, seed))
    cmyk = lambda w, h: Image.fromarray(picture(w, h, 4), "CMYK")
    alpha = rgb(33, 21)
    alpha.putalpha(Image.fromarray(picture(33, 21, 1, 5)[..., 0]))
    yield "rgb16_interlaced_19x23.png", png(19, 23, 16, 2, True)
    yield "rgba16_17x9.png", png(17, 9, 16, 6)
    yield "greyalpha16_interlaced_12x13.png", png(12, 13, 16, 4, True)
    yield "grey16_interlaced_21x11.png", png(21, 11, 16, 0, True)
    yield "grey16_trns_8x8.png", png(8, 8, 16, 0, extra=[(b"tRNS", b"\0\x80")])
    yield "grey1_interlaced_13x9.png", png(13, 9, 1, 0, True)
    yield "grey2_15x7.png", png(15, 7, 2, 0)
    yield "grey4_interlaced_9x15.png", png(9, 15, 4, 0, True)
    yield "palette1_11x5.png", png(11, 5, 1, 3, extra=[(b"PLTE", palette[:6])])
    yield "palette2_trns_13x6.png", png(13, 6, 2, 3, extra=[(b"PLTE", palette[:12]), (b"tRNS", b"\0\x80")])
    yield "palette4_outside_interlaced_14x10.png", png(14, 10, 4, 3, True, [(b"PLTE", palette)])
    yield "palette8_outside_16x16.png", png(16, 16, 8, 3, extra=[(b"PLTE", palette)])
    yield "rgb8_trns_gamma_7x7.png", png(7, 7, 8, 2, extra=[(b"gAMA", struct.pack(">I", 100000)), (b"tRNS", black + b"\0\0")])
    yield "rgba8_interlaced_5x3.png", png(5, 3, 8, 6, True)
    yield "rgb8_1x1.png", png(1, 1, 8, 2)
    yield "rgb8_interlaced_1x200.png", png(1, 200, 8, 2, True)
    yield "rgb8_150x3.png", png(150, 3, 8, 2)
    yield "jpeg420_prog_61x47.jpg", saved(rgb(61, 47), "JPEG", quality=80, progressive=True, subsampling=2)
    yield "jpeg422_restart_45x38.jpg", saved(rgb(45, 38), "JPEG", quality=60, subsampling=1, restart_marker_blocks=2)
    yield "jpeg444_1x1.jpg", saved(rgb(1, 1), "JPEG", subsampling=0)
    yield "jpeg_grey_prog_31x29.jpg", saved(rgb(31, 29).convert("L"), "JPEG", progressive=True)
    yield "jpeg_cmyk_prog_40x33.jpg", saved(cmyk(40, 33), "JPEG", quality=70, progressive=True)
    yield "jpeg411_94x20.jpg", resampled(saved(rgb(48, 40), "JPEG", quality=50, subsampling=2), 94, 20, 0x41)
    yield "jpeg440_23x61.jpg", resampled(saved(rgb(48, 32), "JPEG", quality=50, subsampling=1), 23, 61, 0x12)
    yield "webp_lossy_61x35.webp", saved(rgb(61, 35), "WEBP", quality=70)
    yield "webp_lossy_alpha_33x21.webp", saved(alpha, "WEBP", quality=50, exact=True)
    yield "webp_lossless_29x17.webp", saved(rgb(29, 17), "WEBP", lossless=True)
    yield "webp_lossless_1x1.webp", saved(rgb(1, 1), "WEBP", lossless=True)
    frames = [rgb(8, 8, seed) for seed in (1, 2)]
    yield "animated.webp", saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--oracle", required=True)
    sys.path.insert(0, options.parse_args().oracle)
    import assemlm2
    HERE.mkdir(exist_ok=True)
    lines = []
    for name, data in files():
        (HERE / name).write_bytes(data)
        if name.startswith("animated"):
            continue
        rgb = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        for least, most in (4096, 36864), (65536, 16777216), (1024, 1024):
            size = {"patch_size": 16, "temporal_patch_size": 2, "merge_size": 2,
                    "size": {"shortest_edge": least, "longest_edge": most}}
            rows, (_, grid_rows, grid_columns) = assemlm2.patch_bytes(rgb, size)
            crc = [format(zlib.crc32(np.ascontiguousarray(a).tobytes()), "08x") for a in (rgb, rows)]
            lines.append(" ".join(map(str, [name, rgb.shape[1], rgb.shape[0], least, most, grid_rows, grid_columns, *crc])))
    (HERE / "expected.txt").write_text("\n".join(lines) + "\n")


main()
