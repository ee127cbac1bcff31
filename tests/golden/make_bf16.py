#!/usr/bin/env python3
"""The published implementation's bf16 run, emulated: float64 with R, rounding to bf16, wherever it rounds.

    python3 tests/golden/make_bf16.py ORACLE [--dumps DIR]

Writes tests/golden/bf16_reference.json: for every golden folder and stage the rms and the largest of the error, both
over the rms of the golden stage and the worst of the samples that have stages; and for every sample the largest error
of the pose's nine numbers. tests/models/bf16_limits.c holds our bf16 mode against it. With --dumps it prints them
beside those of DIR/FOLDER/SAMPLE.safetensors, dumps of our bf16 mode, and writes nothing.

The places of R are those of spec/qwen3vl.md (R(x)) and spec/assemlm2.md 7: weights and activations bf16, sums float32
(float64 here), norms and softmax float32, weights of attention rounded for their product with v, point encoder and
pose head float32. Left out, which makes the reference better than it is on a GPU: z0 products in bf16.
ORACLE is the folder of the specification in NumPy (assemlm2.py).
"""
import functools, json, os, sys

import numpy as np


def R(x):
    """float64 -> nearest bf16, ties to even, as float64."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32).astype(np.uint64)
    bits = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000
    return bits.astype(np.uint32).view(np.float32).astype(np.float64)


def emulate(m):
    """Replaces the functions of the oracle's module that a bf16 run rounds in."""
    linear, layernorm = m.Weights.linear, m.Weights.layernorm

    def is_wide(w):
        return "pose_regression_head" in w.prefix or "point_encoder" in w.prefix

    m.Weights.linear = lambda w, name, x: linear(w, name, x) if is_wide(w) else R(linear(w, name, R(x)))
    m.Weights.layernorm = lambda w, name, x, eps: layernorm(w, name, x, eps) if is_wide(w) else R(
        layernorm(w, name, x, eps))

    def rmsnorm(x, weight, eps):
        return R(R(x / np.sqrt((x * x).mean(-1, keepdims=True) + eps)) * weight)

    gelu, gelu_tanh = m.gelu, m.gelu_tanh

    def attention(q, k, v, visible=True):
        s = np.where(visible, q @ k.swapaxes(1, 2) / np.sqrt(q.shape[-1]), -np.inf)
        e = np.exp(s - s.max(-1, keepdims=True))
        return R(((R(e) @ v) / e.sum(-1, keepdims=True)).swapaxes(0, 1).reshape(q.shape[1], -1))

    def position_embedding(table, gh, gw, ms):
        side = int(np.sqrt(len(table)))
        y, x = np.meshgrid(m.linspace_f32(0, side - 1, gh), m.linspace_f32(0, side - 1, gw), indexing="ij")
        y, x = m.merge_order(y, ms), m.merge_order(x, ms)
        y0, x0 = y.astype(int), x.astype(int)
        y1, x1 = np.minimum(y0 + 1, side - 1), np.minimum(x0 + 1, side - 1)
        dy, dx = y - y0.astype(np.float32), x - x0.astype(np.float32)
        corners = (y0, x0, (1 - dy) * (1 - dx)), (y0, x1, (1 - dy) * dx), (y1, x0, dy * (1 - dx)), (y1, x1, dy * dx)
        total = 0
        for row, column, weight in corners:
            total = R(total + R(table[row * side + column] * R(weight)[:, None]))
        return total

    def vision_tower(w, v, pixels, grids, stage):
        heads, ms = v["num_heads"], v["spatial_merge_size"]
        kernel = w["patch_embed.proj.weight"].reshape(v["hidden_size"], -1)
        x = stage["vision.patch_embed"] = R(R(R(pixels) @ kernel.T) + w["patch_embed.proj.bias"])
        table = w["pos_embed.weight"]
        stage["vision.pos_embed"] = np.concatenate([position_embedding(table, gh, gw, ms) for _, gh, gw in grids])
        x = R(x + stage["vision.pos_embed"])
        angle = np.concatenate([m.vision_angles(v["hidden_size"] // heads, gh, gw, ms) for _, gh, gw in grids])
        ends = np.cumsum([0] + [gh * gw for _, gh, gw in grids])
        pages = [slice(a, b) for a, b in zip(ends, ends[1:])]
        deepstack = [None] * len(v["deepstack_visual_indexes"])
        for i in range(v["depth"]):
            b = w.under(f"blocks.{i}")
            qkv = np.split(b.linear("attn.qkv", b.layernorm("norm1", x, 1e-6)), 3, axis=1)
            q, k, u = (m.split_heads(a, heads) for a in qkv)
            q, k = R(m.rotate(q, angle)), R(m.rotate(k, angle))
            x = R(x + b.linear("attn.proj", np.concatenate([attention(q[:, p], k[:, p], u[:, p]) for p in pages])))
            f = R(gelu_tanh(b.linear("mlp.linear_fc1", b.layernorm("norm2", x, 1e-6))))
            x = R(x + b.linear("mlp.linear_fc2", f))
            stage[f"vision.block.{i}"] = x
            if i in v["deepstack_visual_indexes"]:
                n = v["deepstack_visual_indexes"].index(i)
                deepstack[n] = m.merger(w.under(f"deepstack_merger_list.{n}"), x, ms * ms, norm_first=False)
                stage[f"vision.deepstack.{n}"] = deepstack[n]
        stage["vision.merger"] = m.merger(w.under("merger"), x, ms * ms, norm_first=True)
        return stage["vision.merger"], deepstack

    def bridge(w, b, taps, fixed, moving, stage):
        (f_patch, f_centers, f_frame), (m_patch, m_centers, m_frame) = fixed, moving
        patches = len(f_patch)
        x = np.concatenate([f_patch, f_patch @ f_frame, m_patch, m_patch @ m_frame]).reshape(4 * patches, -1)
        f_raw, m_raw = m.normalised_pair(f_centers, m_centers)
        f_turned, m_turned = m.normalised_pair(f_centers @ f_frame, m_centers @ m_frame)
        centers = np.concatenate([f_raw, f_turned, m_raw, m_turned])
        branch = np.repeat(np.arange(4), patches)
        invariant = branch % 2 == 1
        h = w.linear("input_proj.3", R(gelu(w.linear("input_proj.1", w.layernorm("input_proj.0", x, 1e-5)))))
        h = R(h + w["type_embed.weight"][branch])
        waves = m.fourier(centers, b["fourier_bands"], float(b["fourier_max_freq"]))
        h = R(h + w.linear("pos_proj.2", R(gelu(w.linear("pos_proj.0", waves)))))
        apart = max(np.linalg.norm(f_centers.mean(0) - m_centers.mean(0)), 1e-6)
        scale = np.array([m.radius(f_centers), m.radius(m_centers), apart,
                          m.radius(np.concatenate([f_centers, m_centers]))])
        clip = float(b["scale_log_clip"])
        scale = np.clip(np.log(scale / float(b["scale_reference"])), -clip, clip)
        gamma, beta = np.split(w.linear("scale_encoder.2", R(m.silu(w.linear("scale_encoder.0", scale)))), 2)
        h = stage["bridge.input"] = R(R(h * R(1 + gamma)) + beta)
        visible = ~(invariant[:, None] & ~invariant[None, :])
        deepstack = []
        for i in range(b["num_layers"]):
            l = w.under(f"transformer_layers.{i}")
            qkv = R(l.layernorm("norm1", h, 1e-5) @ l["self_attn.in_proj_weight"].T + l["self_attn.in_proj_bias"])
            q, k, v = (m.split_heads(a, b["num_heads"]) for a in np.split(qkv, 3, axis=1))
            h = R(h + l.linear("self_attn.out_proj", attention(q, k, v, visible)))
            h = R(h + l.linear("linear2", R(gelu(l.linear("linear1", l.layernorm("norm2", h, 1e-5))))))
            stage[f"bridge.layer.{i}"] = h
            if i in taps:
                n = taps.index(i)
                out = w.under(f"deepstack_output_projs.{n}")
                deepstack.append(R(out.linear("1", out.layernorm("0", h, 1e-5)) * w["deepstack_gates"][n]))
                stage[f"bridge.deepstack.{n}"] = deepstack[n]
        out = w.under("output_proj")
        stage["bridge.tokens"] = out.linear("1", out.layernorm("0", h, 1e-5))
        return stage["bridge.tokens"], deepstack, centers, invariant

    def rotate_text(x, angle):
        c, s = R(np.cos(angle)), R(np.sin(angle))
        a, b = np.split(x, 2, axis=-1)
        turned = R(R(a * c) - R(b * s)), R(R(b * c) + R(a * s))
        return np.concatenate(turned, -1)

    def language_model(w, t, h, position, visible, additions, stage):
        heads, kv_heads, eps = t["num_attention_heads"], t["num_key_value_heads"], float(t["rms_norm_eps"])
        angle = m.text_angles(t, position)
        for i in range(t["num_hidden_layers"]):
            l = w.under(f"layers.{i}")
            n = rmsnorm(h, l["input_layernorm.weight"], eps)
            q = m.split_heads(l.linear("self_attn.q_proj", n), heads)
            k = m.split_heads(l.linear("self_attn.k_proj", n), kv_heads)
            v = m.split_heads(l.linear("self_attn.v_proj", n), kv_heads)
            q = rotate_text(rmsnorm(q, l["self_attn.q_norm.weight"], eps), angle)
            k = rotate_text(rmsnorm(k, l["self_attn.k_norm.weight"], eps), angle)
            k, v = (np.repeat(a, heads // kv_heads, 0) for a in (k, v))
            h = R(h + l.linear("self_attn.o_proj", attention(q, k, v, visible)))
            n = rmsnorm(h, l["post_attention_layernorm.weight"], eps)
            g = R(m.silu(l.linear("mlp.gate_proj", n)))
            h = R(h + l.linear("mlp.down_proj", R(g * l.linear("mlp.up_proj", n))))
            for rows, features in additions:
                if i < len(features):
                    h[rows] = R(h[rows] + features[i])
            stage[f"text.layer.{i}"] = h
        stage["text.norm"] = rmsnorm(h, w["norm.weight"], eps)
        return stage["text.norm"]

    pixel_values = m.pixel_values
    m.gelu = lambda x: R(gelu(x))
    m.pixel_values = lambda rows, p: R(pixel_values(rows, p))
    m.vision_tower, m.bridge, m.language_model = vision_tower, bridge, language_model


def error(ours, golden, used):
    """rms and largest of the error over the rms of the golden stage, on the rows that ours has."""
    golden = golden.astype(np.float64)
    rms = np.sqrt((golden ** 2).mean())
    if ours.shape != golden.shape:
        golden = golden[used - 1:used] if len(ours) == 1 else golden[:len(ours)]
    d = ours.astype(np.float64) - golden
    return np.array([np.sqrt((d ** 2).mean()), np.abs(d).max()]) / rms


def is_compared(name, golden):
    """Stages of floats in which the two modes differ."""
    return name in golden and golden[name].raw.dtype.kind == "f" and not name.startswith("points")


def run_sample(m, model, folder, row, dump):
    """{stage: [reference rms, largest, ours rms, largest]} and the errors of the poses."""
    at = functools.partial(os.path.join, folder, "samples", row["name"])
    golden = m.read_safetensors(at("stages.safetensors")) if os.path.exists(at("stages.safetensors")) else {}
    ours = m.read_safetensors(dump) if dump else {}
    used = len(ours["text.embed"].raw) if ours else 0
    fixed, moving = (m.load_cloud(at(row[n]), n) for n in ("fixed", "moving"))
    pose, stage = model.run([m.load_rgb(at(f)) for f in row["images"]], fixed, moving, row["category"])
    for name in ("position_ids", "input_ids"):
        assert name not in golden or np.array_equal(stage[name], golden[name].raw), name
    nothing = np.zeros(2)
    errors = {name: np.concatenate([error(stage[name], golden[name].raw, used),
                                    error(ours[name].raw, golden[name].raw, used) if name in ours else nothing])
              for name in stage if is_compared(name, golden)}
    poses = [np.abs(p - row["pose"]).max() for p in (pose, ours["head.output"].raw if ours else pose)]
    return errors, poses


def main():
    dumps = sys.argv[3] if len(sys.argv) == 4 and sys.argv[2] == "--dumps" else None
    if len(sys.argv) != (4 if dumps else 2):
        sys.exit(__doc__)
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, sys.argv[1])
    import assemlm2 as m
    emulate(m)
    table = {}
    for name in ("tiny", "sizes_a", "sizes_b", "sizes_c", "demo"):
        folder = os.path.join(here, name) if name != "demo" else os.path.join(here, "../../tools/demo")
        model = m.Model(os.path.join(folder, "model"))
        worst, poses = {}, {}
        for row in m.read_json(os.path.join(folder, "expected.json")):
            dump = dumps and os.path.join(dumps, name, row["name"] + ".safetensors")
            errors, poses[row["name"]] = run_sample(m, model, folder, row, dump)
            for stage, e in errors.items():
                worst[stage] = np.maximum(worst.get(stage, 0), e)
        if dumps:
            for stage, e in worst.items():
                print(f"{name:8s} {stage:22s} reference {e[0]:.2e} {e[1]:.2e}  ours {e[2]:.2e} {e[3]:.2e}")
            for sample, e in poses.items():
                print(f"{name:8s} {sample:22s} pose: reference {e[0]:.2e}  ours {e[1]:.2e}")
        table[name] = {"stages": {k: [float(f"{x:.3e}") for x in e[:2]] for k, e in worst.items()},
                       "pose": {k: float(f"{e[0]:.3e}") for k, e in poses.items()}}
    if not dumps:
        with open(os.path.join(here, "bf16_reference.json"), "w", encoding="utf-8") as f:
            json.dump(table, f, indent=1)
            f.write("\n")


if __name__ == "__main__":
    main()
