/* Times every CUDA kernel of `attention`, and cuDNN's attention, at the sizes and with the masks of
 * AssemLM 2.0 and compares their results.
 *
 *     cmake --build build --target bench_attention_cuda && build/bench/bench_attention_cuda [NAME]
 *
 * Random operands, bf16 ones and the same numbers as float32. A sample is a captured graph of
 * LAUNCHES launches; kernels take turns in ABBA order, the median of the samples counts. TFLOP/s
 * are of the visible pairs of query and key: 4·head_dim floating-point operations each. The error
 * is the largest distance to the float32 kernel, in units of the result's root mean square.
 *
 * cuDNN has no such masks as ours. It gets a matrix that is added to the scores, made beforehand
 * (so does PyTorch); and where the mask is one that it has, it runs at its best too: the two images
 * as a batch of two without any mask, a text alone with its causal one.
 */
#include <math.h>

#include "bench/bench_cuda.cuh"

extern "C" {
#include "kernels/attention/attention.h"
}

#include "kernels/cuda/cudnn.h"
#include "kernels/cuda/table.h"

enum pattern { TWO_IMAGES, LANGUAGE, TEXT, BRIDGE };

struct shape {
    const char *name;
    int queries, keys, heads, kv_heads, head_dim;
    pattern rule;
    int count; /* in one forward with new pages */
};

static const shape shapes[] = {
    {"vision", 2592, 2592, 16, 16, 64, TWO_IMAGES, 24},
    {"language", 1184, 1184, 16, 8, 128, LANGUAGE, 27},
    {"language, text alone", 1184, 1184, 16, 8, 128, TEXT, 0},
    {"language, pages held", 524, 1182, 16, 8, 128, LANGUAGE, 0},
    {"language, last layer", 1, 1182, 16, 8, 128, LANGUAGE, 1},
    {"bridge", 512, 512, 8, 8, 128, BRIDGE, 4},
};

static const int LAUNCHES = 10, SAMPLES = 7, KERNELS = 16;

/* q, k, v in both types, out, rules and the mask that cuDNN adds, with room for the largest shape.
 */
struct memory {
    bf16 *narrow[3];
    float *wide[3];
    void *out, *scratch;
    int32_t *query_rule, *key_rule;
    uint16_t *mask;
};

static int mask_stride(const shape *s)
{
    return (s->keys + 7) / 8 * 8;
}

/* The rule of key or query `row` of `rows`. */
static void rule_of(const shape *s, int row, int32_t rule[3])
{
    rule[0] = 0;
    rule[1] = s->keys;
    rule[2] = ALM_ROW_PLAIN;
    if (s->rule == TWO_IMAGES) {
        rule[0] = row < s->keys / 2 ? 0 : s->keys / 2;
        rule[1] = row < s->keys / 2 ? s->keys / 2 : s->keys;
    } else if (s->rule == TEXT) {
        rule[1] = row + 1;
    } else if (s->rule == LANGUAGE) { /* 512 points behind the pages and a text */
        const int first = 660;
        rule[1] = row + 1;
        rule[2] = row < first || row >= first + 512 ? ALM_ROW_PLAIN
                  : row < first + 256               ? ALM_ROW_EQUIVARIANT
                                                    : ALM_ROW_INVARIANT;
    } else {
        rule[2] = row / 128 % 2 ? ALM_ROW_INVARIANT : ALM_ROW_EQUIVARIANT;
    }
}

/* Writes the rules and the mask; the number of visible pairs of one head. */
static double make_rules(const shape *s, const memory *m)
{
    const size_t stride = (size_t)mask_stride(s), cells = (size_t)s->queries * stride;
    int32_t *keys = (int32_t *)malloc((size_t)s->keys * 3 * sizeof *keys);
    uint16_t *mask = (uint16_t *)malloc(cells * sizeof *mask);
    if (!keys || !mask) {
        exit(1);
    }
    for (int j = 0; j < s->keys; j++) {
        rule_of(s, j, keys + 3 * j);
    }
    double pairs = 0;
    const int32_t *queries = keys + 3 * (s->keys - s->queries); /* the last ones */
    for (int i = 0; i < s->queries; i++) {
        const int32_t *q = queries + 3 * i;
        for (int j = 0; j < s->keys; j++) {
            const int32_t kind = keys[3 * j + 2];
            const bool is_seen = ((q[0] <= j && j < q[1]) || (q[2] && kind)) &&
                                 !(q[2] == ALM_ROW_INVARIANT && kind == ALM_ROW_EQUIVARIANT);
            pairs += is_seen;
            mask[(size_t)i * stride + (size_t)j] = is_seen ? 0 : 0xFF80; /* -inf */
        }
    }
    must(cudaMemcpy(m->mask, mask, cells * sizeof *mask, cudaMemcpyHostToDevice), "mask");
    free(mask);
    must(cudaMemcpy(m->key_rule, keys, (size_t)s->keys * 12, cudaMemcpyHostToDevice), "rules");
    must(cudaMemcpy(m->query_rule, queries, (size_t)s->queries * 12, cudaMemcpyHostToDevice),
         "rules");
    must(cudaDeviceSynchronize(), "rules"); /* our stream does not wait for such copies */
    free(keys);
    return pairs;
}

struct node {
    alm_tensor in[5], out;
    alm_attention_attr attr;
    alm_op_args args;
};

static alm_tensor tensor(void *data, alm_dtype type, int64_t rows, int64_t columns)
{
    alm_tensor t = {};
    t.data = data;
    t.desc.dtype = type;
    t.desc.rank = 2;
    t.desc.dim[0] = rows;
    t.desc.dim[1] = columns;
    t.stride = columns;
    return t;
}

static void make_node(const shape *s, const memory *m, bool narrow, node *n)
{
    const alm_dtype type = narrow ? ALM_DTYPE_BF16 : ALM_DTYPE_F32;
    const int width = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim;
    *n = node{};
    for (int i = 0; i < 3; i++) {
        n->in[i] = tensor(narrow ? (void *)m->narrow[i] : (void *)m->wide[i], type,
                          i ? s->keys : s->queries, i ? kv : width);
    }
    n->in[3] = tensor(m->query_rule, ALM_DTYPE_I32, s->queries, 3);
    n->in[4] = tensor(m->key_rule, ALM_DTYPE_I32, s->keys, 3);
    n->out = tensor(m->out, type, s->queries, width);
    n->attr.heads = s->heads;
    n->attr.kv_heads = s->kv_heads;
    n->attr.head_dim = s->head_dim;
    n->attr.scale = 1 / sqrtf((float)s->head_dim);
    n->args.in = n->in;
    n->args.n_in = 5;
    n->args.out = &n->out;
    n->args.n_out = 1;
    n->args.attr = &n->attr;
}

/* One of our kernels, or cuDNN with one of its masks where kernel is NULL. */
struct entry {
    const char *name;
    const alm_kernel *kernel;
    bool narrow;
    alm_cudnn_mask mask;
    cudaGraphExec_t graph;
    float ms[SAMPLES];
    double error;
};

struct launch {
    const shape *s;
    const memory *m;
    const entry *e;
};

static alm_status run_cudnn(const alm_exec *x, const launch *l)
{
    const shape *s = l->s;
    const memory *m = l->m;
    const int batch = l->e->mask == ALM_CUDNN_MASK_NONE ? 2 : 1;
    float scale = 1 / sqrtf((float)s->head_dim);
    alm_cudnn_graph g = {};
    g.kind = ALM_CUDNN_ATTENTION;
    g.batch = batch;
    g.queries = s->queries / batch;
    g.keys = s->keys / batch;
    g.heads = s->heads;
    g.kv_heads = s->kv_heads;
    g.head_dim = s->head_dim;
    g.mask = l->e->mask;
    g.mask_stride = mask_stride(s);
    void *const pointers[ALM_CUDNN_POINTERS] = {
        m->narrow[0], m->narrow[1], m->narrow[2],
        m->out,       &scale,       l->e->mask == ALM_CUDNN_MASK_ADDED ? m->mask : nullptr};
    return alm_cudnn_run(x, &g, pointers, m->scratch);
}

static alm_status run_entry(const alm_exec *x, int number, const void *context)
{
    const launch *l = (const launch *)context;
    (void)number;
    if (!l->e->kernel) {
        return run_cudnn(x, l);
    }
    node n;
    make_node(l->s, l->m, l->e->narrow, &n);
    return l->e->kernel->run(x, &n.args);
}

/* Result of the entry as floats; false when it does not run. */
static bool result_of(const alm_exec *x, const shape *s, const memory *m, const entry *e,
                      float *values)
{
    const size_t count = (size_t)s->queries * (size_t)(s->heads * s->head_dim);
    const size_t bytes = count * (e->narrow ? sizeof(bf16) : sizeof(float));
    const launch l = {s, m, e};
    must(cudaMemsetAsync(m->out, 0xFF, bytes, (cudaStream_t)x->stream), "clearing");
    const alm_status status = run_entry(x, 0, &l);
    const cudaError_t error = cudaDeviceSynchronize();
    if (status != ALM_OK || error != cudaSuccess) {
        fprintf(stderr, "%s, %s: %s\n", s->name, e->name,
                status != ALM_OK ? alm_error_message() : cudaGetErrorString(error));
        return false;
    }
    must(cudaMemcpy(values, m->out, bytes, cudaMemcpyDeviceToHost), "copying back");
    if (e->narrow) {
        bench_widen(values, count);
    }
    return true;
}

/* Our kernels that take the shape, then cuDNN with its masks that fit. Returns their number. */
static int list_entries(const alm_exec *x, const shape *s, const memory *m, entry *list)
{
    int count = 0;
    for (int narrow = 1; narrow >= 0; narrow--) {
        for (const alm_kernel *k = alm_attention_cuda_kernels; k->name; k++) {
            node n;
            make_node(s, m, narrow, &n);
            if (count < KERNELS && bench_accepts(k, x->device, &n.args)) {
                list[count] = entry{};
                list[count].name = k->name;
                list[count].kernel = k;
                list[count++].narrow = narrow;
            }
        }
    }
    static const char *const names[] = {"cudnn, a batch of two", "cudnn, causal",
                                        "cudnn, a mask added"};
    const bool fits[] = {s->rule == TWO_IMAGES, s->rule == TEXT, true};
    for (int mask = 0; mask < 3 && count < KERNELS; mask++) {
        if (fits[mask]) {
            list[count] = entry{};
            list[count].name = names[mask];
            list[count].mask = (alm_cudnn_mask)mask;
            list[count++].narrow = true;
        }
    }
    return count;
}

/* Compares the results and captures the graphs of what runs; returns the number that does. */
static int prepare(const alm_exec *x, const shape *s, const memory *m, entry *list, float *want,
                   float *got, bool *good)
{
    const size_t size = (size_t)s->queries * (size_t)(s->heads * s->head_dim);
    entry reference = {};
    for (const alm_kernel *k = alm_attention_cuda_kernels; k->name; k++) {
        reference.kernel = strcmp(k->name, "attention_f32_cuda") == 0 ? k : reference.kernel;
    }
    reference.name = "attention_f32_cuda";
    if (!result_of(x, s, m, &reference, want)) {
        exit(1);
    }
    double rms = 0;
    for (size_t i = 0; i < size; i++) {
        rms += (double)want[i] * want[i] / (double)size;
    }
    const int all = list_entries(x, s, m, list);
    int count = 0;
    for (int n = 0; n < all; n++) {
        entry e = list[n];
        const launch captured = {s, m, &e};
        if (!result_of(x, s, m, &e, got)) {
            continue;
        }
        for (size_t i = 0; i < size; i++) {
            const double d = fabs((double)got[i] - want[i]);
            e.error = d <= e.error ? e.error : d; /* NaN stays */
        }
        e.error /= sqrt(rms);
        *good = *good && (!e.kernel || e.error <= (e.narrow ? 0.06 : 1e-3));
        if (bench_capture(x, LAUNCHES, e.name, run_entry, &captured, &e.graph)) {
            list[count++] = e;
        }
    }
    return count;
}

static void run_shape(const bench_gpu *g, const shape *s, const memory *m, float *want, float *got,
                      bool *good)
{
    entry list[KERNELS];
    const double flop = make_rules(s, m) * s->heads * s->head_dim * 4;
    const int count = prepare(&g->x, s, m, list, want, got, good);
    for (int r = -1; r < SAMPLES; r++) {
        for (int i = 0; i < count; i++) {
            entry *e = &list[r % 2 ? count - 1 - i : i];
            e->ms[r < 0 ? 0 : r] = bench_sample(g, e->graph) / (float)LAUNCHES;
        }
    }
    for (int i = 0; i < count; i++) {
        entry *e = &list[i];
        const double ms = bench_median(e->ms, SAMPLES);
        printf("| %s, %d x %d, %d/%d heads of %d, x %d | %s | %s | %.4f | %.4f-%.4f | %.1f | %.1e "
               "|\n",
               s->name, s->queries, s->keys, s->heads, s->kv_heads, s->head_dim, s->count, e->name,
               e->narrow ? "bf16" : "f32", ms, e->ms[0], e->ms[SAMPLES - 1], flop / ms * 1e-9,
               e->error);
        must(cudaGraphExecDestroy(e->graph), "graph");
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static bench_gpu g;
    bench_open(&g);
    bench_print(&g);
    printf("\n\n");

    const size_t most = (size_t)2592 * 2048;
    memory m = {};
    for (uint32_t i = 0; i < 3; i++) { /* scores of a few units, as in a trained model */
        m.narrow[i] = bench_filled<bf16>(most, i < 2 ? 2.0f : 1.0f, i + 1);
        m.wide[i] = bench_filled<float, bf16>(most, i < 2 ? 2.0f : 1.0f, i + 1);
    }
    must(cudaMalloc(&m.out, most * sizeof(float)), "memory");
    must(cudaMalloc(&m.scratch, ALM_CUDNN_SCRATCH), "memory");
    must(cudaMalloc(&m.mask, (size_t)2592 * 2592 * sizeof *m.mask), "memory");
    must(cudaMalloc(&m.query_rule, 2592 * 3 * sizeof(int32_t)), "memory");
    must(cudaMalloc(&m.key_rule, 2592 * 3 * sizeof(int32_t)), "memory");
    float *want = (float *)malloc(most * sizeof(float)),
          *got = (float *)malloc(most * sizeof(float));
    if (!want || !got) {
        return 1;
    }
    must(cudaDeviceSynchronize(), "filling");
    bool good = true;
    printf("| queries x keys | kernel | operands | ms | range | TFLOP/s | error |\n"
           "|---|---|---|---:|---|---:|---:|\n");
    for (const shape &s : shapes) {
        if (argc < 2 || strstr(s.name, argv[1])) {
            run_shape(&g, &s, &m, want, got, &good);
        }
    }
    if (!good) {
        printf("\na result is too far from the float32 kernel's\n");
    }
    return good ? 0 : 9;
}
