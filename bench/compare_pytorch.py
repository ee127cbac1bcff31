#!/usr/bin/env python3
"""Times the Qwen3-VL-2B part of AssemLM 2.0 in PyTorch and in assemlm, side by side on this machine, in one run.

    python3 bench/compare_pytorch.py --assemlm build/assemlm --model DIR

DIR is a full-size model folder; `assemlm synth model --preset release --seed 1 --to DIR` makes one. PyTorch is not
needed for anything else: `pip install torch` into an environment of your own.

The part is what both programs must compute for one pose: the vision tower (24 layers, two pages of 1,296 patches that
attend within their page, main merger and three DeepStack mergers) and the language model (28 layers, 1,182 tokens, the
DeepStack additions, the final norm; no lm_head). In PyTorch it is made of torch.nn.functional calls with random
weights: fused attention kernels, one matrix product for q, k and v and one for gate and up; float32 throughout, or with
--device cuda bf16 throughout, launched one by one and as a captured CUDA graph. That is PyTorch's best case: no framework around it, no mask or position work. assemlm's side is the stages "vision" and
"language" of `assemlm bench --json` on the same two pages of 576x576; it leaves out rows of the last layer that nobody
reads, as its users' runs do. On a GPU attention alone is also timed with PyTorch's backends, cuDNN among them.

Order: PyTorch, assemlm, PyTorch. Prints medians and ranges, and the ratio of the medians.
"""
import argparse, json, math, os, platform, statistics, subprocess, sys, time

PAGES, PATCHES, TOKENS = 2, 1296, 1182
VISION = dict(layers=24, width=1024, heads=16, mlp=4096, patch=1536, merge=4, out=2048, taps=3)
TEXT = dict(layers=28, width=2048, heads=16, kv_heads=8, head_dim=128, mlp=6144)


def build(torch, layers, **where):
    """Random weights, scaled so that activations stay of order one, drawn where they are used."""
    def matrix(rows, columns):
        return torch.randn(rows, columns, **where) / math.sqrt(columns)

    v, t = VISION, TEXT
    q, kv = t["heads"] * t["head_dim"], t["kv_heads"] * t["head_dim"]
    joined = v["width"] * v["merge"]
    vision = [dict(qkv=matrix(3 * v["width"], v["width"]), proj=matrix(v["width"], v["width"]),
                   fc1=matrix(v["mlp"], v["width"]), fc2=matrix(v["width"], v["mlp"]))
              for _ in range(min(layers, v["layers"]))]
    mergers = [dict(fc1=matrix(joined, joined), fc2=matrix(v["out"], joined)) for _ in range(1 + v["taps"])]
    text = [dict(qkv=matrix(q + 2 * kv, t["width"]), o=matrix(t["width"], q),
                 gate_up=matrix(2 * t["mlp"], t["width"]), down=matrix(t["width"], t["mlp"]))
            for _ in range(min(layers, t["layers"]))]
    return dict(patch=matrix(v["width"], v["patch"]), vision=vision, mergers=mergers, text=text)


def turn(torch, x, cos, sin):
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat((-b, a), -1) * sin


def vision_tower(torch, w, patches, cos, sin):
    F, v = torch.nn.functional, VISION
    norm = lambda x: F.layer_norm(x, x.shape[-1:], eps=1e-6)
    x = F.linear(patches, w["patch"])
    features = []
    for i, l in enumerate(w["vision"]):
        q, k, value = F.linear(norm(x), l["qkv"]).view(PAGES, PATCHES, 3, v["heads"], -1).permute(2, 0, 3, 1, 4)
        a = F.scaled_dot_product_attention(turn(torch, q, cos, sin), turn(torch, k, cos, sin), value)
        x = x + F.linear(a.transpose(1, 2).reshape(x.shape), l["proj"])
        x = x + F.linear(F.gelu(F.linear(norm(x), l["fc1"]), approximate="tanh"), l["fc2"])
        if i % 8 == 5 and len(features) < v["taps"]:
            features.append(x)
    merge = lambda x, m: F.linear(F.gelu(F.linear(norm(x.view(-1, v["width"] * v["merge"])), m["fc1"])), m["fc2"])
    return [merge(f, m) for f, m in zip([x] + features, w["mergers"])]


def language_model(torch, w, tokens, features, cos, sin, mask):
    F, t = torch.nn.functional, TEXT
    norm = lambda x: F.rms_norm(x, x.shape[-1:], eps=1e-6)
    q_size, kv_size = t["heads"] * t["head_dim"], t["kv_heads"] * t["head_dim"]
    h = tokens
    for i, l in enumerate(w["text"]):
        q, k, v = F.linear(norm(h), l["qkv"]).split((q_size, kv_size, kv_size), -1)
        q, k, v = (x.view(TOKENS, -1, t["head_dim"]).transpose(0, 1) for x in (q, k, v))
        q, k = turn(torch, norm(q), cos, sin), turn(torch, norm(k), cos, sin)
        k, v = (x.repeat_interleave(t["heads"] // t["kv_heads"], 0) for x in (k, v))
        a = F.scaled_dot_product_attention(q[None], k[None], v[None], attn_mask=mask)[0]
        h = h + F.linear(a.transpose(0, 1).reshape(TOKENS, q_size), l["o"])
        gate, up = F.linear(norm(h), l["gate_up"]).chunk(2, -1)
        h = h + F.linear(F.silu(gate) * up, l["down"])
        if i < len(features):
            h = torch.cat((h[:len(features[i])] + features[i], h[len(features[i]):]))
    return norm(h)


class Pytorch:
    def __init__(self, torch, layers, device):
        where = dict(device=device, dtype=torch.bfloat16 if device == "cuda" else torch.float32)
        self.torch, self.w, self.device = torch, build(torch, layers, **where), device
        angles = lambda n, half: torch.randn(n, half, device=device).repeat(1, 2)
        a, b = angles(PATCHES, VISION["width"] // VISION["heads"] // 2), angles(TOKENS, TEXT["head_dim"] // 2)
        self.rotary = [x.to(**where) for x in (a.cos(), a.sin(), b.cos(), b.sin())]
        self.patches = torch.randn(PAGES, PATCHES, VISION["patch"], **where)
        self.rest = torch.randn(TOKENS - PAGES * PATCHES // VISION["merge"], TEXT["width"], **where)
        self.mask = torch.ones(TOKENS, TOKENS, dtype=torch.bool, device=device).tril()

    def now(self):
        if self.device == "cuda":
            self.torch.cuda.synchronize()
        return time.perf_counter()

    def vision(self):
        return vision_tower(self.torch, self.w, self.patches, *self.rotary[:2])

    def language(self, tokens, features):
        rows = self.torch.cat((tokens, self.rest))
        return language_model(self.torch, self.w, rows, features, *self.rotary[2:], self.mask)

    def run(self):
        """Seconds of both parts."""
        with self.torch.inference_mode():
            begin = self.now()
            tokens, *features = self.vision()
            middle = self.now()
            out = self.language(tokens, features)
            end = self.now()
        assert bool(out.isfinite().all()), "PyTorch made numbers that are not finite"
        return middle - begin, end - middle

    def captured(self, repeats):
        """Seconds of the whole, `repeats` times, as a captured CUDA graph."""
        torch = self.torch
        with torch.inference_mode():
            stream = torch.cuda.Stream()
            with torch.cuda.stream(stream):
                tokens, *features = self.vision()
                self.language(tokens, features)
            torch.cuda.current_stream().wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                tokens, *features = self.vision()
                self.language(tokens, features)
            times = []
            for _ in range(repeats + 3):
                begin = self.now()
                graph.replay()
                times.append(self.now() - begin)
        return times[3:]


def attention_alone(torch):
    """Milliseconds of attention by PyTorch's backends, at the sizes of the two parts."""
    from torch.nn.attention import SDPBackend, sdpa_kernel
    sizes = dict(vision=(PAGES, VISION["heads"], PATCHES, VISION["width"] // VISION["heads"], False),
                 language=(1, TEXT["heads"], TOKENS, TEXT["head_dim"], True))
    for name, (batch, heads, n, d, causal) in sizes.items():
        q, k, v = (torch.randn(batch, heads, n, d, device="cuda", dtype=torch.bfloat16) for _ in range(3))
        for backend in (SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION):
            try:
                with sdpa_kernel(backend):
                    run = lambda: torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
                    times = []
                    for _ in range(30):
                        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
                        begin.record()
                        for _ in range(10):
                            run()
                        end.record()
                        torch.cuda.synchronize()
                        times.append(begin.elapsed_time(end) / 10)
                print(f"attention {name:9s} {backend.name:18s} {statistics.median(times):.4f} ms")
            except RuntimeError as e:
                print(f"attention {name:9s} {backend.name:18s} not here: {str(e).splitlines()[0]}")


def assemlm(program, model, threads, repeats, device):
    """Seconds of both parts, medians, from `assemlm bench --json`."""
    command = [program, "bench", "--model", model, "--pages", "576x576", "--cold", "--quiet", "--json", "--warmup", "3",
               "--threads", str(threads), "--repeats", str(repeats), "--device", device]
    result = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    stages = {row["stage"]: row for row in result["stages"]}
    return [stages[name]["median_ms"] / 1e3 for name in ("vision", "language")]


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        return next((line.split(":")[1].strip() for line in f if line.startswith("model name")), platform.machine())


def main():
    p = argparse.ArgumentParser(description="Qwen3-VL-2B part of AssemLM 2.0: PyTorch against assemlm.")
    p.add_argument("--assemlm", default="build/assemlm", help="the program (build/assemlm)")
    p.add_argument("--model", help="full-size model folder; without it only PyTorch is timed")
    p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    p.add_argument("--repeats", type=int, default=3, help="timed runs of each block, after one that is not (3)")
    p.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="cpu: float32; cuda: bf16 (cpu)")
    p.add_argument("--layers", type=int, default=99, help="fewer layers, to try the script")
    a = p.parse_args()
    try:
        import torch
    except ImportError:
        print("compare_pytorch: there is no PyTorch here: pip install torch", file=sys.stderr)
        return 5
    torch.set_num_threads(a.threads)
    torch.manual_seed(1)
    on_gpu = a.device == "cuda"
    if on_gpu and not torch.cuda.is_available():
        print("compare_pytorch: PyTorch sees no GPU here", file=sys.stderr)
        return 5
    where = f"{torch.cuda.get_device_name()}, bf16" if on_gpu else f"{processor()}, {a.threads} threads, float32"
    print(f"{where}; PyTorch {torch.__version__}", flush=True)
    theirs = Pytorch(torch, a.layers, a.device)
    theirs.run()
    runs = [theirs.run() for _ in range(a.repeats)]
    ours = assemlm(a.assemlm, a.model, a.threads, a.repeats, a.device) if a.model else None
    runs += [theirs.run() for _ in range(a.repeats)]

    print("part        PyTorch s (range)            " + ("assemlm s   PyTorch/assemlm" if ours else ""))
    columns = list(zip(*runs)) + [[x + y for x, y in runs]]
    for i, name in enumerate(("vision", "language", "both")):
        median = statistics.median(columns[i])
        line = f"{name:10s} {median:8.4f} ({min(columns[i]):.4f} to {max(columns[i]):.4f})"
        if ours:
            mine = ours[i] if i < 2 else sum(ours)
            line = f"{line:40s} {mine:8.4f}   {median / mine:.2f}"
        print(line)
    if on_gpu:
        times = theirs.captured(max(a.repeats, 20))
        print(f"captured   {statistics.median(times):8.4f} ({min(times):.4f} to {max(times):.4f})")
        attention_alone(torch)
    return 0


if __name__ == "__main__":
    sys.exit(main())
