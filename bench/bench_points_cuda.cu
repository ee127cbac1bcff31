/* Times the CUDA kernels of the point side at the sizes of AssemLM 2.0, both clouds at once where
 * the model has them.
 *
 *     cmake --build build --target bench_points_cuda && build/bench_points_cuda [PART OF A NAME]
 *
 * Random operands, which stay in L2, as they do in the model. A sample is a captured graph of
 * LAUNCHES runs; the median of the samples counts, in ordinary launches and in ones that may begin
 * before the one before has ended. The last line adds up what one pose runs. Results are not
 * compared here: test_ops_cuda does that.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cuda/device.cuh"

#include "kernels/cuda/launch.h"
#include "kernels/cuda/table.h"

extern "C" {
#include "kernels/fps/fps.h"
#include "kernels/knn/knn.h"
#include "kernels/point_positions/point_positions.h"
#include "kernels/point_scene/point_scene.h"
}

static const int LAUNCHES = 10, SAMPLES = 50, INPUTS = 9;

/* One tensor of up to three dimensions; integers are below `limit`, with `kinds` pairs of a number
 * below `kinds` and one below `limit`. */
struct spec {
    alm_dtype type;
    int64_t dim[3];
    int limit, kinds;
};

struct item {
    const char *name;
    const alm_kernel *kernels;
    const void *attr;
    bool both; /* two nodes by run_pair */
    spec out[2], in[INPUTS];
};

#define F32(...)                                                                                   \
    {                                                                                              \
        ALM_DTYPE_F32, {__VA_ARGS__}, 0, 0                                                         \
    }
#define BF16(...)                                                                                  \
    {                                                                                              \
        ALM_DTYPE_BF16, {__VA_ARGS__}, 0, 0                                                        \
    }
#define I32(limit, kinds, ...)                                                                     \
    {                                                                                              \
        ALM_DTYPE_I32, {__VA_ARGS__}, limit, kinds                                                 \
    }
#define LAYER(out, in) BF16(out, in), BF16(out), BF16(out, in)

static const alm_knn_attr twenty = {20}, four = {4};
static const alm_fps_attr patches = {128};
static const alm_point_scene_attr scene = {1, 10};
static const alm_point_positions_attr grid = {64};

static const item items[] = {
    {"knn, 3",
     alm_knn_cuda_kernels,
     &twenty,
     true,
     {I32(0, 0, 1024, 20)},
     {F32(1024, 3), F32(1024, 3)}},
    {"edge_conv, conv1 and 2",
     alm_edge_conv_cuda_kernels,
     nullptr,
     true,
     {F32(1024, 21, 3)},
     {F32(1024, 1, 3), I32(1024, 0, 1024, 20), LAYER(21, 2), LAYER(21, 21)}},
    {"knn, 63, first",
     alm_knn_cuda_kernels,
     &twenty,
     true,
     {I32(0, 0, 1024, 20)},
     {F32(1024, 21, 3), F32(1024, 21, 3)}},
    {"edge_conv, conv3 and 4",
     alm_edge_conv_cuda_kernels,
     nullptr,
     true,
     {F32(1024, 21, 3)},
     {F32(1024, 21, 3), I32(1024, 0, 1024, 20), LAYER(21, 42), LAYER(21, 21)}},
    {"knn, 63, second",
     alm_knn_cuda_kernels,
     &twenty,
     true,
     {I32(0, 0, 1024, 20)},
     {F32(1024, 21, 3), F32(1024, 21, 3)}},
    {"edge_conv, conv5",
     alm_edge_conv_cuda_kernels,
     nullptr,
     true,
     {F32(1024, 21, 3)},
     {F32(1024, 21, 3), I32(1024, 0, 1024, 20), LAYER(21, 42)}},
    {"vn_linear, conv6",
     alm_vn_linear_cuda_kernels,
     nullptr,
     true,
     {F32(1024, 512, 3)},
     {BF16(512, 63), BF16(512), BF16(1, 63), F32(1024, 21, 3), F32(1024, 21, 3), F32(1024, 21, 3)}},
    {"mean_rows", alm_mean_rows_cuda_kernels, nullptr, true, {F32(1, 512, 3)}, {F32(1024, 512, 3)}},
    {"vn_linear, vn1",
     alm_vn_linear_cuda_kernels,
     nullptr,
     true,
     {F32(1, 256, 3)},
     {LAYER(256, 512), F32(1, 512, 3)}},
    {"vn_linear, vn2",
     alm_vn_linear_cuda_kernels,
     nullptr,
     true,
     {F32(1, 128, 3)},
     {LAYER(128, 256), F32(1, 256, 3)}},
    {"vn_frame",
     alm_vn_frame_cuda_kernels,
     nullptr,
     true,
     {F32(3, 3)},
     {F32(1, 128, 3), BF16(2, 128)}},
    {"fps", alm_fps_cuda_kernels, &patches, true, {I32(0, 0, 128)}, {F32(1024, 3)}},
    {"gather_rows",
     alm_gather_rows_cuda_kernels,
     nullptr,
     true,
     {F32(128, 3)},
     {F32(1024, 3), I32(1024, 0, 128)}},
    {"knn, group",
     alm_knn_cuda_kernels,
     &four,
     true,
     {I32(0, 0, 128, 4)},
     {F32(128, 3), F32(1024, 3)}},
    {"group_mean",
     alm_group_mean_cuda_kernels,
     nullptr,
     true,
     {F32(128, 512, 3)},
     {F32(1024, 512, 3), I32(1024, 0, 128, 4)}},
    {"point_scene",
     alm_point_scene_cuda_kernels,
     &scene,
     false,
     {F32(512, 3), F32(1, 4)},
     {F32(128, 3), F32(3, 3), F32(128, 3), F32(3, 3)}},
    {"branch_tokens",
     alm_branch_tokens_cuda_kernels,
     nullptr,
     false,
     {F32(512, 1536)},
     {F32(128, 512, 3), F32(3, 3), F32(128, 512, 3), F32(3, 3)}},
    {"fourier", alm_fourier_cuda_kernels, nullptr, false, {BF16(512, 36)}, {F32(512, 3), F32(6)}},
    {"film",
     alm_film_cuda_kernels,
     nullptr,
     false,
     {F32(512, 1024)},
     {F32(512, 1024), F32(512, 1024), BF16(4, 1024), F32(1, 2048)}},
    {"point_positions",
     alm_point_positions_cuda_kernels,
     &grid,
     false,
     {I32(0, 0, 1182, 3)},
     {F32(512, 3), I32(1200, 0, 1182, 3), I32(512, 3, 1182, 2)}},
};

static void must(cudaError_t error, const char *what)
{
    if (error != cudaSuccess) {
        fprintf(stderr, "bench_points_cuda: %s: %s\n", what, cudaGetErrorString(error));
        exit(1);
    }
}

static __global__ void fill_kernel(void *out, int64_t n, alm_dtype type, int limit, int kinds,
                                   uint32_t seed)
{
    for (int64_t i = (int64_t)blockIdx.x * 256 + threadIdx.x; i < n;
         i += (int64_t)gridDim.x * 256) {
        uint32_t h = (uint32_t)i * 0x9E3779B1u + seed;
        h = (h ^ h >> 16) * 0x85EBCA6Bu;
        h = (h ^ h >> 13) * 0xC2B2AE35u;
        h ^= h >> 16;
        const float v = (float)(h >> 8) * 0x1p-23f - 1.0f;
        if (type == ALM_DTYPE_F32) {
            ((float *)out)[i] = v;
        } else if (type == ALM_DTYPE_BF16) {
            ((bf16 *)out)[i] = from_float<bf16>(v);
        } else {
            const uint32_t below = (uint32_t)(kinds && i % 2 == 0 ? kinds : limit);
            ((int32_t *)out)[i] = (int32_t)(below ? h % below : 0);
        }
    }
}

static alm_tensor make(const spec *s)
{
    static uint32_t seed;
    alm_tensor t = {};
    t.desc.dtype = s->type;
    for (int i = 0; i < 3 && s->dim[i]; i++) {
        t.desc.dim[t.desc.rank++] = s->dim[i];
    }
    t.stride = alm_desc_row(&t.desc);
    const int64_t n = alm_desc_count(&t.desc);
    must(cudaMalloc(&t.data, (size_t)n * alm_dtype_size(s->type)), "memory");
    fill_kernel<<<256, 256>>>(t.data, n, s->type, s->limit, s->kinds, seed += 1000003);
    must(cudaGetLastError(), "filling");
    return t;
}

/* The node of an item with tensors of its own. */
struct node {
    alm_tensor in[INPUTS], out[2];
    alm_op_args args;
    const alm_kernel *kernel;
};

static void node_create(const item *it, const alm_device *device, node *n)
{
    memset(n, 0, sizeof *n);
    n->args.in = n->in;
    n->args.out = n->out;
    n->args.attr = it->attr;
    for (int i = 0; i < INPUTS && it->in[i].type != ALM_DTYPE_NONE; i++) {
        n->in[n->args.n_in++] = make(&it->in[i]);
    }
    for (int i = 0; i < 2 && it->out[i].type != ALM_DTYPE_NONE; i++) {
        n->out[n->args.n_out++] = make(&it->out[i]);
    }
    n->kernel = it->kernels;
    while (n->kernel->accepts && !n->kernel->accepts(&n->args)) {
        n->kernel++;
    }
    const size_t bytes = n->kernel->workspace ? n->kernel->workspace(&n->args, device) : 0;
    must(cudaMalloc(&n->args.workspace, bytes ? bytes : 1), "memory");
}

static void node_destroy(node *n)
{
    must(cudaFree(n->args.workspace), "memory");
    for (int i = 0; i < n->args.n_in; i++) {
        must(cudaFree(n->in[i].data), "memory");
    }
    for (int i = 0; i < n->args.n_out; i++) {
        must(cudaFree(n->out[i].data), "memory");
    }
}

static int compare_floats(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

/* Median microseconds of a run. b: NULL or the other node of run_pair. */
static double time_runs(const alm_exec *x, const node *a, const node *b)
{
    cudaStream_t stream = (cudaStream_t)x->stream;
    cudaGraph_t graph;
    cudaGraphExec_t runnable;
    cudaEvent_t begin, end;
    float ms[64];
    must(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "capture");
    for (int i = 0; i < LAUNCHES; i++) {
        const alm_status status =
            b ? a->kernel->run_pair(x, &a->args, &b->args) : a->kernel->run(x, &a->args);
        if (status != ALM_OK) {
            fprintf(stderr, "%s: %s\n", a->kernel->name, alm_error_message());
            exit(1);
        }
    }
    must(cudaStreamEndCapture(stream, &graph), "the end of capture");
    must(cudaGraphInstantiate(&runnable, graph, 0), "graph");
    must(cudaEventCreate(&begin), "event");
    must(cudaEventCreate(&end), "event");
    for (int i = -3; i < SAMPLES; i++) { /* three to warm up */
        must(cudaEventRecord(begin, stream), "event");
        must(cudaGraphLaunch(runnable, stream), "launch");
        must(cudaEventRecord(end, stream), "event");
        must(cudaEventSynchronize(end), a->kernel->name);
        must(cudaEventElapsedTime(&ms[i < 0 ? 0 : i], begin, end), "event");
    }
    qsort(ms, (size_t)SAMPLES, sizeof ms[0], compare_floats);
    must(cudaEventDestroy(begin), "event");
    must(cudaEventDestroy(end), "event");
    must(cudaGraphExecDestroy(runnable), "graph");
    must(cudaGraphDestroy(graph), "graph");
    return (double)ms[SAMPLES / 2] / LAUNCHES * 1000;
}

/* Prints the line of an item and adds up its times. */
static void run_item(const item *it, alm_exec x, double total[2])
{
    node a, b;
    double us[2];
    node_create(it, x.device, &a);
    node_create(it, x.device, &b);
    must(cudaDeviceSynchronize(), "filling");
    for (int overlap = 0; overlap < 2; overlap++) {
        x.overlap = overlap;
        us[overlap] = time_runs(&x, &a, it->both ? &b : nullptr);
        total[overlap] += us[overlap];
    }
    printf("| %s%s | %s | %.2f | %.2f |\n", it->name, it->both ? ", both clouds" : "",
           a.kernel->name, us[0], us[1]);
    node_destroy(&a);
    node_destroy(&b);
}

int main(int argc, char **argv)
{
    cudaDeviceProp properties;
    must(cudaGetDeviceProperties(&properties, 0), "device");
    alm_device device = {};
    device.backend = ALM_BACKEND_CUDA;
    device.arch = 10 * properties.major + properties.minor;
    device.threads = 1;
    device.multiprocessors = properties.multiProcessorCount;
    device.shared_bytes = properties.sharedMemPerBlockOptin;
    cudaStream_t stream;
    must(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "stream");
    alm_exec x = {};
    x.device = &device;
    x.stream = stream;
    x.fault_code = 1;
    must(cudaMalloc(&x.fault, sizeof *x.fault), "memory");
    must(cudaMemset(x.fault, 0, sizeof *x.fault), "memory");
    printf("%s, %d multiprocessors\n\n", properties.name, properties.multiProcessorCount);
    printf("| operation | kernel | us | us, overlapped |\n|---|---|--:|--:|\n");
    double total[2] = {0, 0};
    for (const item &it : items) {
        if (argc < 2 || strstr(it.name, argv[1])) {
            run_item(&it, x, total);
        }
    }
    printf("| all | | %.1f | %.1f |\n", total[0], total[1]);
    int32_t fault = 0;
    must(cudaMemcpy(&fault, x.fault, sizeof fault, cudaMemcpyDeviceToHost), "fault");
    if (fault) {
        fprintf(stderr, "bench_points_cuda: a kernel met data that its contract refuses\n");
        return 1;
    }
    return 0;
}
