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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cuda/device.cuh"

extern "C" {
#include "kernels/attention/attention.h"
}

#include "kernels/cuda/launch.h"
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

static const int LAUNCHES = 10, SAMPLES = 7, KERNELS = 16, BLOCKS_OF_FILL = 1024;

static void must(cudaError_t error, const char *what)
{
    if (error != cudaSuccess) {
        fprintf(stderr, "bench_attention_cuda: %s: %s\n", what, cudaGetErrorString(error));
        exit(1);
    }
}

/* A different number in [-scale, scale) for every index, rounded to bf16. */
template <class T> static __global__ void fill_kernel(T *out, size_t n, float scale, uint32_t seed)
{
    for (size_t i = (size_t)blockIdx.x * 256 + threadIdx.x; i < n; i += (size_t)gridDim.x * 256) {
        uint32_t h = (uint32_t)i * 0x9E3779B1u + seed;
        h = (h ^ h >> 16) * 0x85EBCA6Bu;
        h = (h ^ h >> 13) * 0xC2B2AE35u;
        h ^= h >> 16;
        const float value = ((float)(h >> 8) * 0x1p-23f - 1.0f) * scale;
        out[i] = from_float<T>(to_float(from_float<bf16>(value)));
    }
}

template <class T> static T *filled(size_t n, float scale, uint32_t seed)
{
    T *out;
    must(cudaMalloc(&out, n * sizeof *out), "memory");
    fill_kernel<T><<<BLOCKS_OF_FILL, 256>>>(out, n, scale, seed);
    must(cudaGetLastError(), "filling");
    return out;
}

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
    const uint16_t *rounded = (const uint16_t *)values;
    for (size_t i = count; e->narrow && i-- > 0;) {
        const uint32_t bits = (uint32_t)rounded[i] << 16;
        memcpy(&values[i], &bits, sizeof bits);
    }
    return true;
}

static bool capture(const alm_exec *x, const shape *s, const memory *m, entry *e)
{
    cudaGraph_t graph;
    alm_status status = ALM_OK;
    node n;
    make_node(s, m, e->narrow, &n);
    must(cudaStreamBeginCapture((cudaStream_t)x->stream, cudaStreamCaptureModeThreadLocal),
         "capture");
    for (int i = 0; i < LAUNCHES && status == ALM_OK; i++) {
        status = e->kernel->run(x, &n.args);
    }
    must(cudaStreamEndCapture((cudaStream_t)x->stream, &graph), "the end of capture");
    if (status != ALM_OK) {
        fprintf(stderr, "%s, %s: %s\n", s->name, e->kernel->name, alm_error_message());
    } else {
        must(cudaGraphInstantiate(&e->graph, graph, 0), "graph");
    }
    must(cudaGraphDestroy(graph), "graph");
    return status == ALM_OK;
}

static float sample(const entry *e, cudaStream_t stream, cudaEvent_t begin, cudaEvent_t end)
{
    float ms;
    must(cudaEventRecord(begin, stream), "event");
    must(cudaGraphLaunch(e->graph, stream), "launch");
    must(cudaEventRecord(end, stream), "event");
    must(cudaEventSynchronize(end), "the kernels");
    must(cudaEventElapsedTime(&ms, begin, end), "event");
    return ms / (float)LAUNCHES;
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
            if (count == KERNELS || k->min_arch > x->device->arch ||
                (k->max_arch && k->max_arch < x->device->arch) ||
                (k->accepts && !k->accepts(&n.args)) || k->workspace ||
                !result_of(x, s, m, &e, got)) {
                continue;
            }
            for (size_t i = 0; i < size; i++) {
                const double d = fabs((double)got[i] - want[i]);
                e.error = d <= e.error ? e.error : d; /* NaN stays */
            }
            e.error /= sqrt(rms);
            *good = *good && e.error <= (narrow ? 0.06 : 1e-3);
            if (capture(x, s, m, &e)) {
                list[count++] = e;
            }
        }
    }
    return count;
}

static int compare_floats(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

static void run_shape(const alm_exec *x, const shape *s, const memory *m, float *want, float *got,
                      cudaEvent_t begin, cudaEvent_t end, bool *good)
{
    entry list[KERNELS];
    const double flop = make_rules(s, m) * s->heads * s->head_dim * 4;
    const int count = prepare(x, s, m, list, want, got, good);
    for (int r = -1; r < SAMPLES; r++) {
        for (int i = 0; i < count; i++) {
            entry *e = &list[r % 2 ? count - 1 - i : i];
            e->ms[r < 0 ? 0 : r] = sample(e, (cudaStream_t)x->stream, begin, end);
        }
    }
    for (int i = 0; i < count; i++) {
        entry *e = &list[i];
        qsort(e->ms, SAMPLES, sizeof e->ms[0], compare_floats);
        const double ms = e->ms[SAMPLES / 2];
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
    cudaDeviceProp gpu;
    int clock = 0;
    must(cudaGetDeviceProperties(&gpu, 0), "no GPU");
    must(cudaDeviceGetAttribute(&clock, cudaDevAttrClockRate, 0), "clock");
    printf("%s, sm_%d%d, %d processors, %d MHz at most\n\n", gpu.name, gpu.major, gpu.minor,
           gpu.multiProcessorCount, clock / 1000);
    alm_device device = {};
    device.backend = ALM_BACKEND_CUDA;
    device.arch = 10 * gpu.major + gpu.minor;
    device.threads = 1;
    device.multiprocessors = gpu.multiProcessorCount;
    device.shared_bytes = gpu.sharedMemPerBlockOptin;
    cudaStream_t stream;
    cudaEvent_t begin, end;
    must(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "stream");
    must(cudaEventCreate(&begin), "event");
    must(cudaEventCreate(&end), "event");
    alm_exec x = {};
    x.device = &device;
    x.stream = stream;
    must(cudaMalloc(&x.fault, sizeof *x.fault), "memory");

    const size_t most = (size_t)2592 * 2048;
    memory m = {};
    for (uint32_t i = 0; i < 3; i++) { /* scores of a few units, as in a trained model */
        m.narrow[i] = filled<bf16>(most, i < 2 ? 2.0f : 1.0f, i + 1);
        m.wide[i] = filled<float>(most, i < 2 ? 2.0f : 1.0f, i + 1);
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
            run_shape(&x, &s, &m, want, got, begin, end, &good);
        }
    }
    if (!good) {
        printf("\na result is too far from the float32 kernel's\n");
    }
    return good ? 0 : 9;
}
