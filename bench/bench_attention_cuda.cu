/* Times every CUDA kernel of `attention` at the sizes and with the masks of AssemLM 2.0 and
 * compares their results.
 *
 *     cmake --build build --target bench_attention_cuda && build/bench/bench_attention_cuda [NAME]
 * or  nvcc -std=c++20 -O3 -I. -gencode arch=compute_90a,code=sm_90a -Xcompiler
 *     -D_POSIX_C_SOURCE=200809L,-D_DEFAULT_SOURCE -o bench_attention_cuda
 *     bench/bench_attention_cuda.cu kernels/attention/attention_{cuda,sm90}.cu
 *     kernels/core/{status,desc,memory}.c
 *
 * Random operands, bf16 ones and the same numbers as float32. A sample is a captured graph of
 * LAUNCHES launches; kernels take turns in ABBA order, the median of the samples counts. TFLOP/s
 * are of the visible pairs of query and key: 4·head_dim floating-point operations each. The error
 * is the largest distance to the float32 kernel, in units of the result's root mean square.
 */
#include <math.h>

#include "bench/bench_cuda.cuh"

extern "C" {
#include "kernels/attention/attention.h"
}

#include "kernels/cuda/table.h"

enum pattern { TWO_IMAGES, LANGUAGE, BRIDGE };

struct shape {
    const char *name;
    int queries, keys, heads, kv_heads, head_dim;
    pattern rule;
    int count; /* in one forward with new pages */
};

static const shape shapes[] = {
    {"vision", 2592, 2592, 16, 16, 64, TWO_IMAGES, 24},
    {"language", 1184, 1184, 16, 8, 128, LANGUAGE, 27},
    {"language, pages held", 524, 1182, 16, 8, 128, LANGUAGE, 0},
    {"language, last layer", 1, 1182, 16, 8, 128, LANGUAGE, 1},
    {"bridge", 512, 512, 8, 8, 128, BRIDGE, 4},
};

static const int LAUNCHES = 10, SAMPLES = 7, KERNELS = 16;

/* q, k, v in both types, out and rules, with room for the largest shape. */
struct memory {
    bf16 *narrow[3];
    float *wide[3];
    void *out;
    int32_t *query_rule, *key_rule;
};

/* The rule of key or query `row` of `rows`. */
static void rule_of(const shape *s, int row, int32_t rule[3])
{
    rule[0] = 0;
    rule[1] = s->keys;
    rule[2] = ALM_ROW_PLAIN;
    if (s->rule == TWO_IMAGES) {
        rule[0] = row < s->keys / 2 ? 0 : s->keys / 2;
        rule[1] = row < s->keys / 2 ? s->keys / 2 : s->keys;
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

/* Writes the rules; the number of visible pairs of one head. */
static double make_rules(const shape *s, const memory *m)
{
    int32_t *keys = (int32_t *)malloc((size_t)s->keys * 3 * sizeof *keys);
    if (!keys) {
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
            pairs += ((q[0] <= j && j < q[1]) || (q[2] && kind)) &&
                     !(q[2] == ALM_ROW_INVARIANT && kind == ALM_ROW_EQUIVARIANT);
        }
    }
    must(cudaMemcpy(m->key_rule, keys, (size_t)s->keys * 12, cudaMemcpyHostToDevice), "rules");
    must(cudaMemcpy(m->query_rule, queries, (size_t)s->queries * 12, cudaMemcpyHostToDevice),
         "rules");
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

struct entry {
    const alm_kernel *kernel;
    bool narrow;
    cudaGraphExec_t graph;
    float ms[SAMPLES];
    double error;
};

/* Result of the kernel as floats; false when it does not run. */
static bool result_of(const alm_exec *x, const shape *s, const memory *m, const entry *e,
                      float *values)
{
    node n;
    make_node(s, m, e->narrow, &n);
    const size_t count = (size_t)s->queries * (size_t)(s->heads * s->head_dim);
    const size_t bytes = count * alm_dtype_size(n.out.desc.dtype);
    must(cudaMemset(m->out, 0xFF, bytes), "clearing");
    const alm_status status = e->kernel->run(x, &n.args);
    const cudaError_t error = cudaDeviceSynchronize();
    if (status != ALM_OK || error != cudaSuccess) {
        fprintf(stderr, "%s, %s: %s\n", s->name, e->kernel->name,
                status != ALM_OK ? alm_error_message() : cudaGetErrorString(error));
        return false;
    }
    must(cudaMemcpy(values, m->out, bytes, cudaMemcpyDeviceToHost), "copying back");
    if (e->narrow) {
        bench_widen(values, count);
    }
    return true;
}

/* All kernels that accept the shape, with results compared and graphs captured. Returns their
 * number. */
static int prepare(const alm_exec *x, const shape *s, const memory *m, entry *list, float *want,
                   float *got, bool *good)
{
    const size_t size = (size_t)s->queries * (size_t)(s->heads * s->head_dim);
    entry reference = {};
    for (const alm_kernel *k = alm_attention_cuda_kernels; k->name; k++) {
        reference.kernel = strcmp(k->name, "attention_f32_cuda") == 0 ? k : reference.kernel;
    }
    if (!result_of(x, s, m, &reference, want)) {
        exit(1);
    }
    double rms = 0;
    for (size_t i = 0; i < size; i++) {
        rms += (double)want[i] * want[i] / (double)size;
    }
    int count = 0;
    for (int narrow = 1; narrow >= 0; narrow--) {
        for (const alm_kernel *k = alm_attention_cuda_kernels; k->name; k++) {
            node n;
            make_node(s, m, narrow, &n);
            entry e = {};
            e.kernel = k;
            e.narrow = narrow;
            const bench_node captured = {k, &n.args, nullptr};
            if (count == KERNELS || !bench_accepts(k, x->device, &n.args) || k->workspace ||
                !result_of(x, s, m, &e, got)) {
                continue;
            }
            for (size_t i = 0; i < size; i++) {
                const double d = fabs((double)got[i] - want[i]);
                e.error = d <= e.error ? e.error : d; /* NaN stays */
            }
            e.error /= sqrt(rms);
            *good = *good && e.error <= (narrow ? 0.06 : 1e-3);
            if (bench_capture(x, LAUNCHES, k->name, bench_run_node, &captured, &e.graph)) {
                list[count++] = e;
            }
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
               s->name, s->queries, s->keys, s->heads, s->kv_heads, s->head_dim, s->count,
               e->kernel->name, e->narrow ? "bf16" : "f32", ms, e->ms[0], e->ms[SAMPLES - 1],
               flop / ms * 1e-9, e->error);
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
