/* Times every CUDA kernel of `linear` at the sizes of AssemLM 2.0 and compares their results.
 *
 *     cmake --build build --target bench_linear_cuda && build/bench/bench_linear_cuda [NAME]
 *
 * Random operands; the weights of one launch after the other lie in different parts of a pool that
 * is larger than L2, x stays, as in the model. A sample is a captured graph of LAUNCHES launches;
 * kernels take turns in ABBA order, the median of the samples counts. "plain" is cuBLASLt without
 * bias, epilogue and residual: the product alone. The error is the largest distance to the float32
 * kernel, in units of the result's root mean square.
 */
#include <math.h>

#include "bench/bench_cuda.cuh"

#include "kernels/cuda/table.h"
#include "kernels/linear/linear_cuda.h"

struct shape {
    const char *name;
    int rows, depth, columns;
    alm_epilogue epilogue;
    bool bias, residual, bf16_out;
    int count; /* in one forward */
};

static const shape shapes[] = {
    {"vision qkv", 2592, 1024, 3072, ALM_EPILOGUE_NONE, true, false, true, 24},
    {"vision projection", 2592, 1024, 1024, ALM_EPILOGUE_NONE, true, true, false, 24},
    {"vision mlp 1", 2592, 1024, 4096, ALM_EPILOGUE_GELU_TANH, true, false, true, 24},
    {"vision mlp 2", 2592, 4096, 1024, ALM_EPILOGUE_NONE, true, true, false, 24},
    {"patch embedding", 2592, 1536, 1024, ALM_EPILOGUE_NONE, true, false, false, 1},
    {"merger 1", 648, 4096, 4096, ALM_EPILOGUE_GELU_ERF, true, false, true, 4},
    {"merger 2", 648, 4096, 2048, ALM_EPILOGUE_NONE, true, false, false, 4},
    {"language q, k, v", 1184, 2048, 4096, ALM_EPILOGUE_NONE, false, false, true, 0},
    {"language q", 1184, 2048, 2048, ALM_EPILOGUE_NONE, false, false, true, 27},
    {"language k", 1184, 2048, 1024, ALM_EPILOGUE_NONE, false, false, true, 56},
    {"language output", 1184, 2048, 2048, ALM_EPILOGUE_NONE, false, true, false, 27},
    {"language gate, up", 1184, 2048, 6144, ALM_EPILOGUE_SWIGLU, false, false, true, 27},
    {"language down", 1184, 6144, 2048, ALM_EPILOGUE_NONE, false, true, false, 27},
    {"bridge qkv", 512, 1024, 3072, ALM_EPILOGUE_NONE, true, false, true, 0},
    {"bridge projection", 512, 1024, 1024, ALM_EPILOGUE_NONE, true, true, false, 0},
    {"bridge mlp 1", 512, 1024, 4096, ALM_EPILOGUE_GELU_ERF, true, false, true, 0},
    {"bridge mlp 2", 512, 4096, 1024, ALM_EPILOGUE_NONE, true, true, false, 0},
    {"language gate, up, last row", 1, 2048, 6144, ALM_EPILOGUE_SWIGLU, false, false, true, 1},
};

static const int LAUNCHES = 16, SAMPLES = 9, KERNELS = 16;
static const size_t POOL = 256u << 20; /* bytes of weights */

/* One node: its tensors, the weights of launch i at another place of the pool. */
struct node {
    alm_tensor in[5], out;
    alm_linear_attr attr;
    alm_op_args args;
};

struct memory {
    bf16 *x, *pool, *bias;
    float *residual;
    void *out;
    char *workspace;
    size_t workspace_bytes;
};

static alm_tensor tensor(void *data, alm_dtype type, int64_t rows, int64_t columns)
{
    alm_tensor t = {};
    t.data = data;
    t.desc.dtype = type;
    t.desc.rank = columns ? 2 : 1;
    t.desc.dim[0] = rows;
    t.desc.dim[1] = columns;
    t.stride = columns ? columns : 1;
    return t;
}

static void make_node(const shape *s, const memory *m, int launch, bool plain, node *n)
{
    const bool gated = s->epilogue == ALM_EPILOGUE_SWIGLU;
    const size_t weight = (size_t)s->columns * (size_t)s->depth;
    const size_t places = POOL / sizeof(bf16) / weight;
    const size_t at = (size_t)launch * (gated ? 2 : 1) % (places - 1) * weight;
    *n = node{};
    n->in[0] = tensor(m->x, ALM_DTYPE_BF16, s->rows, s->depth);
    n->in[1] = tensor(m->pool + at, ALM_DTYPE_BF16, s->columns, s->depth);
    if (s->bias && !plain) {
        n->in[2] = tensor(m->bias, ALM_DTYPE_BF16, s->columns, 0);
    }
    if (s->residual && !plain) {
        n->in[3] = tensor(m->residual, ALM_DTYPE_F32, s->rows, s->columns);
    }
    if (gated) {
        n->in[4] = tensor(m->pool + at + weight, ALM_DTYPE_BF16, s->columns, s->depth);
    }
    n->out = tensor(m->out, s->bf16_out ? ALM_DTYPE_BF16 : ALM_DTYPE_F32, s->rows, s->columns);
    n->attr.epilogue = plain && !gated ? ALM_EPILOGUE_NONE : s->epilogue;
    n->args = alm_op_args{};
    n->args.in = n->in;
    n->args.n_in = 5;
    n->args.out = &n->out;
    n->args.n_out = 1;
    n->args.attr = &n->attr;
    n->args.workspace = m->workspace;
}

struct entry {
    const alm_kernel *kernel;
    bool plain;
    cudaGraphExec_t graph;
    float ms[SAMPLES];
    double error;
    bool same; /* bits, as the first of its family */
};

/* Result of the kernel for launch 0, as floats; false when it does not run. */
static bool result_of(const alm_exec *x, const shape *s, const memory *m, const entry *e,
                      float *values)
{
    node n;
    make_node(s, m, 0, e->plain, &n);
    const size_t count = (size_t)s->rows * (size_t)s->columns;
    const size_t bytes = count * alm_dtype_size(n.out.desc.dtype);
    must(cudaMemsetAsync(m->out, 0xFF, bytes, (cudaStream_t)x->stream), "clearing");
    const alm_status status = e->kernel->run(x, &n.args);
    const cudaError_t error = cudaDeviceSynchronize();
    if (status != ALM_OK || error != cudaSuccess) {
        fprintf(stderr, "%s, %s: %s\n", s->name, e->kernel->name,
                status != ALM_OK ? alm_error_message() : cudaGetErrorString(error));
        return false;
    }
    must(cudaMemcpy(values, m->out, bytes, cudaMemcpyDeviceToHost), "copying back");
    if (s->bf16_out) {
        bench_widen(values, count);
    }
    return true;
}

/* Launch after launch with weights of its own. */
struct launches {
    const shape *s;
    const memory *m;
    const entry *e;
};

static alm_status run_launch(const alm_exec *x, int launch, const void *context)
{
    const launches *l = (const launches *)context;
    node n;
    make_node(l->s, l->m, launch, l->e->plain, &n);
    return l->e->kernel->run(x, &n.args);
}

/* All kernels that accept the shape, with results compared and graphs captured. Returns their
 * number. `want` and `got` have room for the result. */
static int prepare(const alm_exec *x, const shape *s, const memory *m, entry *list, float *want,
                   float *got, float *first_mma, bool *good)
{
    int count = 0;
    double rms = 0;
    const size_t size = (size_t)s->rows * (size_t)s->columns;
    node n;
    make_node(s, m, 0, false, &n);
    const alm_kernel *reference = nullptr;
    bool has_mma = false;
    for (const alm_kernel *k = alm_linear_cuda_kernels; k->name; k++) {
        reference = strcmp(k->name, "linear_cuda") == 0 ? k : reference;
    }
    entry general = {};
    general.kernel = reference;
    if (!result_of(x, s, m, &general, want)) {
        exit(1);
    }
    for (size_t i = 0; i < size; i++) {
        rms += (double)want[i] * want[i] / (double)size;
    }
    rms = sqrt(rms);
    for (const alm_kernel *k = alm_linear_cuda_kernels; k->name; k++) {
        if (k == reference || !bench_accepts(k, x->device, &n.args) ||
            (k->workspace && k->workspace(&n.args, x->device) > m->workspace_bytes)) {
            continue;
        }
        for (int plain = 0; plain <= (k->is_foreign ? 1 : 0); plain++) {
            entry e = {};
            e.kernel = k;
            e.plain = plain;
            alm_exec tuning = *x;
            tuning.tune = true;
            if (count == KERNELS || !result_of(&tuning, s, m, &e, got)) {
                continue;
            }
            if (!plain) {
                for (size_t i = 0; i < size; i++) {
                    const double d = fabs((double)got[i] - want[i]);
                    e.error = d <= e.error ? e.error : d; /* NaN stays */
                }
                e.error /= rms;
                *good = *good && e.error <= (s->bf16_out ? 0.04 : 1e-3);
            }
            if (strncmp(k->name, "linear_bf16_mma", 15) == 0) {
                e.same = has_mma && memcmp(got, first_mma, size * sizeof *got) == 0;
                *good = *good && (!has_mma || e.same);
                if (!has_mma) {
                    memcpy(first_mma, got, size * sizeof *got);
                }
                has_mma = true;
            }
            const launches all = {s, m, &e};
            if (bench_capture(x, LAUNCHES, k->name, run_launch, &all, &e.graph)) {
                list[count++] = e;
            }
        }
    }
    return count;
}

/* Milliseconds of a forward by kernel, over the shapes that are counted. */
struct total {
    const char *name;
    bool plain;
    double ms;
};

static void print_shape(const shape *s, entry *list, int count, total *totals)
{
    const double flop =
        2.0 * s->rows * s->depth * s->columns * (s->epilogue == ALM_EPILOGUE_SWIGLU ? 2 : 1);
    double library = 0;
    for (int i = 0; i < count; i++) {
        library = list[i].kernel->is_foreign && !list[i].plain ? bench_median(list[i].ms, SAMPLES)
                                                               : library;
    }
    for (int i = 0; i < count; i++) {
        entry *e = &list[i];
        const double ms = bench_median(e->ms, SAMPLES);
        char ratio[32] = "-", error[32] = "-";
        if (library > 0) {
            snprintf(ratio, sizeof ratio, "%.2f", library / ms);
        }
        if (!e->plain) {
            snprintf(error, sizeof error, "%.1e%s", e->error, e->same ? ", same bits" : "");
        }
        printf("| %s, %d x %d x %d%s%s | %s%s | %.4f | %.0f | %s | %s |\n", s->name, s->rows,
               s->depth, s->columns, s->epilogue == ALM_EPILOGUE_SWIGLU ? " x 2" : "",
               s->bf16_out ? ", bf16" : "", e->kernel->name, e->plain ? " plain" : "", ms,
               flop / ms * 1e-9, ratio, error);
        for (int t = 0; t < KERNELS; t++) {
            if (!totals[t].name ||
                (totals[t].name == e->kernel->name && totals[t].plain == e->plain)) {
                totals[t].name = e->kernel->name;
                totals[t].plain = e->plain;
                totals[t].ms += s->rows > 1 ? ms * s->count : 0;
                break;
            }
        }
        must(cudaGraphExecDestroy(e->graph), "graph");
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static bench_gpu g;
    int driver = 0, runtime = 0;
    bench_open(&g);
    bench_print(&g);
    must(cudaDriverGetVersion(&driver), "driver");
    must(cudaRuntimeGetVersion(&runtime), "runtime");
    printf(", driver %d, runtime %d\n\n", driver, runtime);

    const size_t most = (size_t)2592 * 6144; /* elements of x, out, residual */
    memory m = {};
    m.x = bench_filled<bf16>(most, 1.0f, 1);
    m.pool = bench_filled<bf16>(POOL / sizeof(bf16), 0.03f, 2);
    m.bias = bench_filled<bf16>(8192, 0.5f, 3);
    m.residual = bench_filled<float>(most, 1.0f, 4);
    m.workspace_bytes = (40u << 20) + 2 * most * sizeof(float);
    must(cudaMalloc(&m.out, most * sizeof(float)), "memory");
    must(cudaMalloc(&m.workspace, m.workspace_bytes), "memory");
    float *want = (float *)malloc(most * sizeof(float)),
          *got = (float *)malloc(most * sizeof(float));
    float *first = (float *)malloc(most * sizeof(float));
    if (!want || !got || !first) {
        return 1;
    }
    must(cudaDeviceSynchronize(), "filling");

    total totals[KERNELS] = {};
    bool good = true;
    printf("| rows x depth x columns | kernel | ms | TFLOP/s | cuBLASLt's time / its | error |\n"
           "|---|---|---:|---:|---:|---|\n");
    for (const shape &s : shapes) {
        if (argc > 1 && !strstr(s.name, argv[1])) {
            continue;
        }
        entry list[KERNELS];
        const int count = prepare(&g.x, &s, &m, list, want, got, first, &good);
        for (int r = -1; r < SAMPLES; r++) {
            for (int i = 0; i < count; i++) {
                entry *e = &list[r % 2 ? count - 1 - i : i];
                e->ms[r < 0 ? 0 : r] = bench_sample(&g, e->graph) / LAUNCHES;
            }
        }
        print_shape(&s, list, count, totals);
    }
    printf("\n| all counted shapes of a forward | ms |\n|---|---:|\n");
    for (const total &t : totals) {
        if (t.name && t.ms > 0) {
            printf("| %s%s | %.3f |\n", t.name, t.plain ? " plain" : "", t.ms);
        }
    }
    printf("\n%s\n", good ? "All results agree." : "RESULTS DIFFER.");
    free(want);
    free(got);
    free(first);
    return good ? 0 : 9;
}
