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
#include "bench/bench_cuda.cuh"

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

static __global__ void fill_kernel(void *out, int64_t n, alm_dtype type, int limit, int kinds,
                                   uint32_t seed)
{
    for (int64_t i = (int64_t)blockIdx.x * 256 + threadIdx.x; i < n;
         i += (int64_t)gridDim.x * 256) {
        const uint32_t h = bench_hash((uint32_t)i, seed);
        const float v = bench_uniform(h);
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
    while (n->kernel->name && !bench_accepts(n->kernel, device, &n->args)) {
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

/* Prints the line of an item and adds up its times. */
static void run_item(const item *it, const bench_gpu *g, double total[2])
{
    node a, b;
    double us[2];
    node_create(it, &g->device, &a);
    node_create(it, &g->device, &b);
    must(cudaDeviceSynchronize(), "filling");
    const bench_node both = {a.kernel, &a.args, it->both ? &b.args : nullptr};
    for (int overlap = 0; overlap < 2; overlap++) {
        us[overlap] = bench_time(g, &both, overlap, LAUNCHES, SAMPLES);
        total[overlap] += us[overlap];
    }
    printf("| %s%s | %s | %.2f | %.2f |\n", it->name, it->both ? ", both clouds" : "",
           a.kernel->name, us[0], us[1]);
    node_destroy(&a);
    node_destroy(&b);
}

int main(int argc, char **argv)
{
    static bench_gpu g;
    bench_open(&g);
    bench_print(&g);
    printf("\n\n| operation | kernel | us | us, overlapped |\n|---|---|--:|--:|\n");
    double total[2] = {0, 0};
    for (const item &it : items) {
        if (argc < 2 || strstr(it.name, argv[1])) {
            run_item(&it, &g, total);
        }
    }
    printf("| all | | %.1f | %.1f |\n", total[0], total[1]);
    return bench_fault(&g);
}
