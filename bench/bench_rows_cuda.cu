/* Times the CUDA kernels of the row-wise operations at the sizes of AssemLM 2.0.
 *
 *     cmake --build build --target bench_rows_cuda && build/bench/bench_rows_cuda [NAME]
 *
 * Random operands, which stay in L2 where they fit, as they do in the model, where the node before
 * has just written them; the weights of the pose head do not. A sample is a captured graph of
 * LAUNCHES runs; the median of the samples counts, in ordinary launches and in ones that may begin
 * before the one before has ended. GB/s is what the operation has to read and write over the better
 * time. Results of libraries are compared with ours: the largest distance in units of the root mean
 * square of ours. test_ops_cuda compares ours with the references.
 */
#include <math.h>

#include "bench/bench_cuda.cuh"

#include "kernels/cuda/table.h"

extern "C" {
#include "kernels/layernorm/layernorm.h"
#include "kernels/pixels/pixels.h"
#include "kernels/rmsnorm/rmsnorm.h"
#include "kernels/rotary/rotary.h"
#include "kernels/scale/scale.h"
}

static const int LAUNCHES = 16, SAMPLES = 15, INPUTS = 20;

/* One tensor; columns 0: of one dimension. Integers are below `limit`; with `kinds` they are pairs
 * of a number below `kinds` and one below `limit`. share: the part of it that a run reads or
 * writes. */
struct spec {
    alm_dtype type;
    int64_t rows, columns;
    int limit, kinds;
    double share;
};

struct item {
    const char *name;
    const alm_kernel *kernels;
    const void *attr;
    bool in_place;
    spec out[2], in[INPUTS]; /* up to the first without a type; later ones are absent */
};

#define F32(...)                                                                                   \
    {                                                                                              \
        ALM_DTYPE_F32, __VA_ARGS__, 0, 0, 1                                                        \
    }
#define BF16(...)                                                                                  \
    {                                                                                              \
        ALM_DTYPE_BF16, __VA_ARGS__, 0, 0, 1                                                       \
    }
#define PART(type, rows, columns, share)                                                           \
    {                                                                                              \
        ALM_DTYPE_##type, rows, columns, 0, 0, share                                               \
    }
#define I32(rows, columns, limit, kinds)                                                           \
    {                                                                                              \
        ALM_DTYPE_I32, rows, columns, limit, kinds, 1                                              \
    }
#define NORM(n) BF16(n, 0), BF16(n, 0)
#define LAYER(n, m) NORM(n), BF16(m, n), BF16(m, 0)

static const alm_layernorm_attr layernorm_attr = {1e-6};
static const alm_rmsnorm_attr rmsnorm_attr = {1e-6};
static const alm_scale_attr scale_attr = {1};
static const alm_pixels_attr pixels_attr = {{0.5f, 0.5f, 0.5f}, {0.5f, 0.5f, 0.5f}};
static const alm_rotary_attr vision_attr = {32, 64, 1e-6}, q_attr = {16, 128, 1e-6},
                             k_attr = {8, 128, 1e-6};

static const item items[] = {
    {"add, vision",
     alm_add_cuda_kernels,
     nullptr,
     true,
     {F32(2592, 1024)},
     {F32(2592, 1024), F32(2592, 1024)}},
    {"scale, bridge",
     alm_scale_cuda_kernels,
     &scale_attr,
     false,
     {F32(512, 2048)},
     {F32(512, 2048), BF16(3, 0)}},
    {"layernorm, vision",
     alm_layernorm_cuda_kernels,
     &layernorm_attr,
     false,
     {BF16(2592, 1024)},
     {F32(2592, 1024), NORM(1024)}},
    {"layernorm, merger",
     alm_layernorm_cuda_kernels,
     &layernorm_attr,
     false,
     {BF16(648, 4096)},
     {F32(648, 4096), NORM(4096)}},
    {"layernorm, bridge",
     alm_layernorm_cuda_kernels,
     &layernorm_attr,
     false,
     {BF16(512, 1024)},
     {F32(512, 1024), NORM(1024)}},
    {"layernorm, bridge mlp",
     alm_layernorm_cuda_kernels,
     &layernorm_attr,
     false,
     {BF16(512, 1536)},
     {F32(512, 1536), NORM(1536)}},
    {"rmsnorm, language",
     alm_rmsnorm_cuda_kernels,
     &rmsnorm_attr,
     false,
     {BF16(1184, 2048)},
     {F32(1184, 2048), BF16(2048, 0)}},
    {"rotary, vision, in place",
     alm_rotary_cuda_kernels,
     &vision_attr,
     true,
     {PART(BF16, 2592, 3072, 2.0 / 3)},
     {PART(BF16, 2592, 3072, 2.0 / 3), F32(2592, 32), F32(2592, 32)}},
    {"rotary, q, in place",
     alm_rotary_cuda_kernels,
     &q_attr,
     true,
     {BF16(1184, 2048)},
     {BF16(1184, 2048), F32(1184, 64), F32(1184, 64), BF16(128, 0)}},
    {"rotary, k",
     alm_rotary_cuda_kernels,
     &k_attr,
     false,
     {BF16(1184, 1024)},
     {BF16(1184, 1024), F32(1184, 64), F32(1184, 64), BF16(128, 0)}},
    {"rotary_table, vision",
     alm_rotary_table_cuda_kernels,
     nullptr,
     false,
     {F32(2592, 32), F32(2592, 32)},
     {I32(2592, 2, 72, 0), {ALM_DTYPE_F64, 32, 0, 0, 0, 1}, I32(32, 0, 2, 0)}},
    {"rotary_table, language",
     alm_rotary_table_cuda_kernels,
     nullptr,
     false,
     {F32(1184, 64), F32(1184, 64)},
     {I32(1184, 3, 1400, 0), {ALM_DTYPE_F64, 64, 0, 0, 0, 1}, I32(64, 0, 3, 0)}},
    {"token_embed",
     alm_token_embed_cuda_kernels,
     nullptr,
     false,
     {F32(1184, 2048)},
     {I32(1184, 2, 512, 3), PART(BF16, 8192, 2048, 0.05), PART(F32, 648, 2048, 0.6),
      PART(F32, 512, 2048, 0.8)}},
    {"deepstack_add, in place",
     alm_deepstack_add_cuda_kernels,
     nullptr,
     true,
     {PART(F32, 1184, 2048, 2.0 / 3)},
     {PART(F32, 1184, 2048, 2.0 / 3), I32(1184, 2, 512, 3), PART(F32, 648, 2048, 0.6),
      PART(F32, 512, 2048, 0.8)}},
    {"place_rows, keys, in place",
     alm_place_rows_cuda_kernels,
     nullptr,
     true,
     {PART(BF16, 1184, 1024, 0.44)},
     {PART(BF16, 1184, 1024, 0), BF16(526, 1024), I32(1, 0, 600, 0)}},
    {"pixels",
     alm_pixels_cuda_kernels,
     &pixels_attr,
     false,
     {BF16(2592, 1536)},
     {{ALM_DTYPE_U8, 2592, 1536, 0, 0, 1}}},
    {"weighted_gather",
     alm_weighted_gather_cuda_kernels,
     nullptr,
     false,
     {F32(2592, 1024)},
     {I32(2592, 4, 2304, 0), F32(2592, 4), BF16(2304, 1024)}},
    {"pose_head",
     alm_pose_head_cuda_kernels,
     nullptr,
     false,
     {F32(1, 9)},
     {F32(1, 2048), LAYER(2048, 4096), LAYER(4096, 4096), LAYER(4096, 4096), LAYER(4096, 9)}},
};

static __global__ void fill_kernel(void *out, int64_t n, alm_dtype type, int limit, int kinds)
{
    for (int64_t i = (int64_t)blockIdx.x * 256 + threadIdx.x; i < n;
         i += (int64_t)gridDim.x * 256) {
        const uint32_t h = bench_hash((uint32_t)i, 17);
        const float v = bench_uniform(h);
        switch (type) {
        case ALM_DTYPE_F32: ((float *)out)[i] = v; break;
        case ALM_DTYPE_BF16: ((bf16 *)out)[i] = from_float<bf16>(v); break;
        case ALM_DTYPE_F64: ((double *)out)[i] = (double)v; break;
        case ALM_DTYPE_U8: ((uint8_t *)out)[i] = (uint8_t)h; break;
        default:
            ((int32_t *)out)[i] = (int32_t)(h % (uint32_t)(kinds && i % 2 == 0 ? kinds : limit));
        }
    }
}

/* Adds the bytes that a run touches. */
static alm_tensor make(const spec *s, double *bytes)
{
    alm_tensor t = {};
    t.desc.dtype = s->type;
    t.desc.rank = s->columns ? 2 : 1;
    t.desc.dim[0] = s->rows;
    t.desc.dim[1] = s->columns;
    t.stride = s->columns ? s->columns : 1;
    const int64_t n = s->rows * t.stride;
    must(cudaMalloc(&t.data, (size_t)n * alm_dtype_size(s->type)), "memory");
    fill_kernel<<<1024, 256>>>(t.data, n, s->type, s->limit, s->kinds);
    must(cudaGetLastError(), "filling");
    *bytes += (double)n * (double)alm_dtype_size(s->type) * s->share;
    return t;
}

/* Output 0 as floats, for free(). */
static float *result_of(const alm_tensor *out)
{
    const size_t n = (size_t)(out->desc.dim[0] * out->stride);
    float *values = (float *)malloc(n * sizeof *values);
    if (!values) {
        exit(1);
    }
    must(cudaMemcpy(values, out->data, n * alm_dtype_size(out->desc.dtype), cudaMemcpyDeviceToHost),
         "copying back");
    if (out->desc.dtype == ALM_DTYPE_BF16) {
        bench_widen(values, n);
    }
    return values;
}

/* Largest distance of the result to ours, in units of the root mean square of ours. */
static double distance(const alm_tensor *out, const float *ours)
{
    float *got = result_of(out);
    const int64_t n = out->desc.dim[0] * out->stride;
    double most = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) {
        const double d = fabs((double)got[i] - ours[i]);
        most = d <= most ? most : d; /* NaN stays */
        squares += (double)ours[i] * ours[i];
    }
    free(got);
    return most / sqrt(squares / (double)n);
}

/* A line of the table. *ours: a library's result is compared with it, ours is put there. */
static void run_kernel(const item *it, const bench_gpu *g, const alm_kernel *k, alm_op_args *args,
                       double bytes, float **ours)
{
    const size_t workspace = k->workspace ? k->workspace(args, &g->device) : 0;
    must(cudaMalloc(&args->workspace, workspace ? workspace : 1), "memory");
    printf("| %s, %lld x %lld | %s | ", it->name, (long long)it->in[0].rows,
           (long long)it->in[0].columns, k->name);
    /* Libraries are opened by the first run, outside of a capture. */
    const alm_status status = k->run(&g->x, args);
    must(cudaStreamSynchronize(g->stream), k->name);
    if (status != ALM_OK) {
        printf("%s | | | |\n", alm_error_message());
    } else {
        char error[32] = "";
        if (k->is_foreign) {
            snprintf(error, sizeof error, "%.1e", distance(&args->out[0], *ours));
        } else {
            *ours = result_of(&args->out[0]);
        }
        const bench_node node = {k, args, nullptr};
        const double us = bench_time(g, &node, false, LAUNCHES, SAMPLES);
        const double overlapped = bench_time(g, &node, true, LAUNCHES, SAMPLES);
        printf("%.2f | %.2f | %.0f | %s |\n", us, overlapped,
               bytes / (us < overlapped ? us : overlapped) * 1e-3, error);
    }
    must(cudaFree(args->workspace), "memory");
}

static void run_item(const item *it, const bench_gpu *g)
{
    alm_tensor in[INPUTS], out[2];
    alm_op_args args = {};
    double bytes = 0;
    float *ours = nullptr;
    args.in = in;
    args.out = out;
    args.attr = it->attr;
    for (int i = 0; i < INPUTS && it->in[i].type != ALM_DTYPE_NONE; i++) {
        in[args.n_in++] = make(&it->in[i], &bytes);
    }
    for (int i = 0; i < 2 && it->out[i].type != ALM_DTYPE_NONE; i++) {
        out[args.n_out++] = make(&it->out[i], &bytes);
    }
    must(cudaDeviceSynchronize(), "filling");
    void *own = out[0].data;
    out[0].data = it->in_place ? in[0].data : own;
    for (const alm_kernel *k = it->kernels; k->name; k++) { /* our best one, then libraries */
        if (bench_accepts(k, &g->device, &args) && k->is_foreign == (ours != nullptr)) {
            run_kernel(it, g, k, &args, bytes, &ours);
        }
    }
    free(ours);
    must(cudaFree(own), "memory");
    for (int i = 0; i < args.n_in; i++) {
        must(cudaFree(in[i].data), "memory");
    }
    for (int i = 1; i < args.n_out; i++) {
        must(cudaFree(out[i].data), "memory");
    }
}

int main(int argc, char **argv)
{
    static bench_gpu g;
    bench_open(&g);
    bench_print(&g);
    printf("\n\n| operation | kernel | us | us, overlapped | GB/s | distance |\n"
           "|---|---|--:|--:|--:|--:|\n");
    for (const item &it : items) {
        if (argc < 2 || strstr(it.name, argv[1])) {
            run_item(&it, &g);
        }
    }
    return bench_fault(&g);
}
