#!/usr/bin/env python3
"""Makes tests/golden/sizes_{a,b,c}: models of other sizes than golden/tiny's, with what they compute.

    python3 tests/golden/make_models.py ORACLE [NAME...]

ORACLE is the folder of the specification in NumPy (assemlm2.py, make_model.py). The weights follow the rule of README,
"Random weights"; clouds and pages are drawn here, from fixed seeds, and look like nothing in the other golden folders.
A development script: the tests read what it wrote. Needs numpy, Pillow, regex, PyYAML.
"""
import json, os, shutil, subprocess, sys

import numpy as np
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))

# What differs between the three beside the numbers: container, tokenizer files, heads per key/value head, merge size,
# patch size, frames a patch stands for, taps against bridge layers, rotary sections, query token, scales.
MODELS = {
    "sizes_a": {
        "seed": 11, "container": "safetensors", "channels": 7, "vlm_max_length": 600,
        "tokenizer": {"style": "files", "merges": 40},
        "text": {"hidden_size": 48, "intermediate_size": 72, "num_hidden_layers": 3, "num_attention_heads": 3,
                 "num_key_value_heads": 1, "head_dim": 16, "rms_norm_eps": 1e-5, "rope_theta": 10000,
                 "rope_scaling": {"mrope_section": [4, 2, 2]}},
        "vision": {"depth": 3, "hidden_size": 36, "intermediate_size": 52, "num_heads": 3,
                   "num_position_embeddings": 25, "patch_size": 8, "spatial_merge_size": 1,
                   "deepstack_visual_indexes": [1]},
        "image": {"shortest_edge": 1024, "longest_edge": 3072},
        "points": {"pc_feat_dim": 20, "num_patches": 9, "patch_size": 5}, "point_mrope": {"grid_size": 16},
        "bridge": {"hidden_dim": 24, "num_layers": 2, "num_heads": 2, "ffn_dim": 40, "fourier_bands": 3,
                   "fourier_max_freq": 4.0, "deepstack_num_layers": 1, "scale_reference": 0.5, "scale_log_clip": 3.0},
        "head": {"hidden_dim": 40, "num_blocks": 1}},
    "sizes_b": {
        "seed": 12, "container": "sharded", "channels": 10, "vlm_max_length": 700,
        "tokenizer": {"style": "json", "merges": 60},
        "text": {"hidden_size": 40, "intermediate_size": 100, "num_hidden_layers": 6, "num_attention_heads": 4,
                 "num_key_value_heads": 4, "head_dim": 12, "rms_norm_eps": 1e-6, "rope_theta": 500,
                 "rope_scaling": {"mrope_section": [2, 2, 2]}},
        "vision": {"depth": 5, "hidden_size": 24, "intermediate_size": 40, "num_heads": 2,
                   "num_position_embeddings": 36, "patch_size": 8, "spatial_merge_size": 3, "temporal_patch_size": 1,
                   "deepstack_visual_indexes": [0, 2, 3, 4]},
        "image": {"shortest_edge": 1152, "longest_edge": 9216},
        "points": {"pc_feat_dim": 12, "num_patches": 30, "patch_size": 32}, "point_mrope": {"grid_size": 100},
        "bridge": {"hidden_dim": 36, "num_layers": 2, "num_heads": 3, "ffn_dim": 52, "fourier_bands": 8,
                   "deepstack_num_layers": 4, "scale_reference": 1000.0},
        "head": {"hidden_dim": 32, "num_blocks": 3}},
    "sizes_c": {
        "seed": 13, "container": "pt", "wrapper": "state_dict", "channels": 16, "vlm_max_length": 400,
        "tokenizer": {"style": "both", "merges": 20},
        "text": {"hidden_size": 64, "intermediate_size": 56, "num_hidden_layers": 4, "num_attention_heads": 8,
                 "num_key_value_heads": 2, "head_dim": 8, "rope_theta": 1000000,
                 "rope_scaling": {"mrope_section": [2, 1, 1]}},
        "vision": {"depth": 2, "hidden_size": 24, "intermediate_size": 64, "num_heads": 1,
                   "num_position_embeddings": 16, "patch_size": 14, "spatial_merge_size": 2,
                   "temporal_patch_size": 3, "deepstack_visual_indexes": [0, 1]},
        "image": {"shortest_edge": 3136, "longest_edge": 12544},
        "points": {"pc_feat_dim": 24, "num_patches": 7, "patch_size": 1}, "point_mrope": {"grid_size": 8},
        "bridge": {"hidden_dim": 32, "num_layers": 3, "num_heads": 1, "ffn_dim": 24, "fourier_bands": 1,
                   "deepstack_num_layers": 2, "scale_log_clip": 0.25},
        "head": {"hidden_dim": 24, "num_blocks": 2, "query_token": "<where>"}},
}
SAMPLES = [  # name, points of both clouds, heights and widths of both pages, category; the first one keeps its stages
    ("first", (1024, 1024), ((48, 56), (40, 64)), "Hocker № 3"),
    ("other", (1500, 700), ((120, 41), (64, 64)), "<|im_end|> shelf"),
]
LARGE = ("pixel_values", ".local", ".x0", ".x1", ".x2", ".knn.0", ".knn.1", ".knn.2", ".xyz")


def cloud(random, n):
    """A bent, squeezed ellipsoid shell with a spike, in general position; its mean is taken off by the caller."""
    p = random.normal(size=(n, 3))
    p /= np.linalg.norm(p, axis=1, keepdims=True)
    p *= random.uniform(0.2, 0.7, 3)
    p[:, 2] += 0.6 * p[:, 0] ** 2 + random.uniform(0.5, 1.5) * np.maximum(p[:, 1] - 0.1, 0)
    return p + random.normal(size=3)


def page(random, height, width):
    """Overlapping soft rings in three colours, with a line drawing's hard edges."""
    y, x = np.mgrid[0:height, 0:width]
    out = np.full((height, width, 3), 235.0)
    for c in range(3):
        cx, cy, r = random.uniform(0, width), random.uniform(0, height), random.uniform(5, 20)
        out[..., c] -= 160 * np.exp(-((np.hypot(x - cx, y - cy) - r) / 4) ** 2)
    out[(x * 3 + y * 2) % 31 < 3] = random.uniform(0, 90, 3)
    return np.clip(out, 0, 255).astype(np.uint8)


def main():
    oracle = os.path.abspath(sys.argv[1])
    sys.path.insert(0, oracle)
    from model_folder import read_safetensors, write_safetensors
    for name in sys.argv[2:] or MODELS:
        to, random = os.path.join(HERE, name), np.random.default_rng(MODELS[name]["seed"])
        shutil.rmtree(to, ignore_errors=True)
        os.makedirs(to)
        model, rows = os.path.join(to, "model"), []
        run = [sys.executable, os.path.join(oracle, "make_model.py"), model, "--sizes", json.dumps(MODELS[name])]
        subprocess.run(run, check=True)
        for sample, counts, sizes, category in SAMPLES:
            at = os.path.join(to, "samples", sample)
            os.makedirs(at)
            for part, n in zip(("fixed", "moving"), counts):
                p = cloud(random, n)
                np.save(os.path.join(at, part + ".npy"), (p - p.mean(0) * (part == "moving")).astype(np.float32))
            for i, (h, w) in enumerate(sizes):
                Image.fromarray(page(random, h, w)).save(os.path.join(at, f"page{i + 1}.png"))
            rows.append({"name": sample, "images": ["page1.png", "page2.png"], "fixed": "fixed.npy",
                         "moving": "moving.npy", "category": category})
        with open(os.path.join(to, "expected.json"), "w", encoding="utf-8") as f:
            json.dump(rows, f, indent=1)
        subprocess.run([sys.executable, os.path.join(oracle, "assemlm2.py"), model, "--golden", to, "--write"], check=True)
        for i, (sample, *_) in enumerate(SAMPLES):
            path = os.path.join(to, "samples", sample, "stages.safetensors")
            stages = read_safetensors(path)
            os.remove(path)
            if i == 0:
                write_safetensors(path, {k: v for k, v in stages.items() if not k.endswith(LARGE)})


if __name__ == "__main__":
    main()
