/* pose_head: one launch a linear layer, the norm before it in the same launch. Every block makes
 * the statistics and the normalised vector anew, which costs less than a launch; then each of its
 * warps has one output. The time is that of reading the weights, so that the fast kernel has its
 * row of them on the way before it waits for the vector.
 *
 * The general kernel takes any types, widths and alignment and gives the same bits: which thread
 * sums which columns is the same.
 */
#include "kernels/cuda/row_norm.cuh"

#include "kernels/cuda/table.h"

extern "C" {
#include "kernels/pose_head/pose_head.h"
}

enum {
    THREADS = 256,
    WARPS = THREADS / 32,
    WARP_COLUMNS = 32 * 8,                    /* a warp's step over a row of weights */
    FAST_STEPS = 16,                          /* 64 registers of weights a thread */
    FAST_COLUMNS = FAST_STEPS * WARP_COLUMNS, /* 4,096 */
    BLOCK_COLUMNS = 4 * THREADS,              /* a block's step over the vector */
    FAST_GROUPS = FAST_COLUMNS / BLOCK_COLUMNS
};

/* y = norm(x)·weightᵀ + bias; with `relu` max(y, 0), with `residual` added to x. */
struct head_layer {
    alm_view x;                      /* [n] of float */
    alm_view norm_weight, norm_bias; /* [n] */
    alm_view weight, bias;           /* [outputs, n], [outputs] */
    float *out;                      /* [outputs]; not x */
    int n, outputs;
    int32_t relu, residual; /* 0 or 1 */
};

static const float HEAD_EPS = (float)ALM_POSE_HEAD_EPS;

/* Four normalised columns; the ones that the vector does not have are 0. */
__device__ __forceinline__ float4 head_normed(const head_layer &l, const float4 &v, int column,
                                              float mean, float factor)
{
    const int left = l.n - column;
    const float4 w = load4(l.norm_weight, 0, column, left);
    const float4 b = load4(l.norm_bias, 0, column, left);
    return make_float4(fmaf((v.x - mean) * factor, w.x, b.x), fmaf((v.y - mean) * factor, w.y, b.y),
                       fmaf((v.z - mean) * factor, w.z, b.z),
                       fmaf((v.w - mean) * factor, w.w, b.w));
}

__device__ __forceinline__ void add4(float4 &sum, const float4 &v)
{
    sum = make_float4(sum.x + v.x, sum.y + v.y, sum.z + v.z, sum.w + v.w);
}

__device__ __forceinline__ void multiply_add4(float4 &sum, const float4 &a, const float4 &b)
{
    sum.x = fmaf(a.x, b.x, sum.x);
    sum.y = fmaf(a.y, b.y, sum.y);
    sum.z = fmaf(a.z, b.z, sum.z);
    sum.w = fmaf(a.w, b.w, sum.w);
}

/* Output m from the sums of a warp; every lane calls it. */
__device__ __forceinline__ void head_finish(const head_layer &l, int m, const float4 &lo,
                                            const float4 &hi)
{
    const float sum = warp_sum(((lo.x + lo.y) + (lo.z + lo.w)) + ((hi.x + hi.y) + (hi.z + hi.w)));
    if (threadIdx.x % 32 == 0) {
        float y = sum + load1(l.bias, 0, m);
        y = l.relu && y < 0 ? 0.0f : y;
        l.out[m] = l.residual ? load1(l.x, 0, m) + y : y;
    }
}

/* One output a warp. Weights of bf16, n % 8 == 0, n <= FAST_COLUMNS, rows of weights aligned to 16
 * bytes. Dynamic shared memory: n floats. */
static __global__ void __launch_bounds__(THREADS, 2) head_fast_kernel(head_layer l)
{
    release_dependents();
    const int lane = threadIdx.x % 32, m = (int)(blockIdx.x * WARPS + threadIdx.x / 32);
    const int groups = l.n / 8;
    uint4 weights[FAST_STEPS];
    /* Weights are made by no kernel of the run: no need to wait. */
    const uint4 *row = (const uint4 *)((const bf16 *)l.weight.data + (int64_t)m * l.n);
#pragma unroll
    for (int s = 0; s < FAST_STEPS; s++) {
        const int g = lane + 32 * s;
        weights[s] = m < l.outputs && g < groups ? row[g] : make_uint4(0, 0, 0, 0);
    }
    wait_for_inputs();

    /* The vector as two planes, columns 0 ... 3 and 4 ... 7 of every eight, so that a warp reads
     * 512 bytes in a row. */
    alm_shared_arena arena;
    float4 *normed = arena.take<float4>(2 * groups);
    float4 v[FAST_GROUPS], sum = make_float4(0, 0, 0, 0);
#pragma unroll
    for (int g = 0; g < FAST_GROUPS; g++) {
        const int column = 4 * (int)threadIdx.x + g * BLOCK_COLUMNS;
        v[g] = load4(l.x, 0, column, l.n - column);
        add4(sum, v[g]);
    }
    const float mean = norm_sum<WARPS>(sum) / (float)l.n;
    sum = make_float4(0, 0, 0, 0);
#pragma unroll
    for (int g = 0; g < FAST_GROUPS; g++) {
        const int column = 4 * (int)threadIdx.x + g * BLOCK_COLUMNS;
        add_squares(sum, v[g], mean, 1, l.n - column);
    }
    const float factor = norm_factor(norm_sum<WARPS>(sum), l.n, HEAD_EPS, 1);
#pragma unroll
    for (int g = 0; g < FAST_GROUPS; g++) {
        const int column = 4 * (int)threadIdx.x + g * BLOCK_COLUMNS;
        if (column < l.n) {
            normed[(column / 4 % 2) * groups + column / 8] =
                head_normed(l, v[g], column, mean, factor);
        }
    }
    __syncthreads();
    if (m >= l.outputs) {
        return; /* the whole warp */
    }
    float4 lo = make_float4(0, 0, 0, 0), hi = make_float4(0, 0, 0, 0);
#pragma unroll
    for (int s = 0; s < FAST_STEPS; s++) {
        const int g = lane + 32 * s;
        if (g < groups) {
            float4 a, b;
            widen8(weights[s], a, b);
            multiply_add4(lo, a, normed[g]);
            multiply_add4(hi, b, normed[groups + g]);
        }
    }
    head_finish(l, m, lo, hi);
}

/* One output a warp; every warp normalises the vector on the way. */
static __global__ void __launch_bounds__(THREADS) head_general_kernel(head_layer l)
{
    release_dependents();
    wait_for_inputs();
    const int lane = threadIdx.x % 32, m = (int)(blockIdx.x * WARPS + threadIdx.x / 32);
    float4 sum = make_float4(0, 0, 0, 0);
    for (int column = 4 * (int)threadIdx.x; column < l.n; column += BLOCK_COLUMNS) {
        add4(sum, load4(l.x, 0, column, l.n - column));
    }
    const float mean = norm_sum<WARPS>(sum) / (float)l.n;
    sum = make_float4(0, 0, 0, 0);
    for (int column = 4 * (int)threadIdx.x; column < l.n; column += BLOCK_COLUMNS) {
        const int left = l.n - column;
        add_squares(sum, load4(l.x, 0, column, left), mean, 1, left);
    }
    const float factor = norm_factor(norm_sum<WARPS>(sum), l.n, HEAD_EPS, 1);
    if (m >= l.outputs) {
        return; /* the whole warp */
    }
    float4 lo = make_float4(0, 0, 0, 0), hi = make_float4(0, 0, 0, 0);
    for (int column = 8 * lane; column < l.n; column += WARP_COLUMNS) {
        const int left = l.n - column;
        multiply_add4(lo, load4(l.weight, m, column, left),
                      head_normed(l, load4(l.x, 0, column, left), column, mean, factor));
        if (left > 4) {
            multiply_add4(
                hi, load4(l.weight, m, column + 4, left - 4),
                head_normed(l, load4(l.x, 0, column + 4, left - 4), column + 4, mean, factor));
        }
    }
    head_finish(l, m, lo, hi);
}

/* in: norm weight, norm bias, linear weight, linear bias. */
static alm_status run_layer(const alm_exec *exec, const alm_tensor *in, const alm_view &x,
                            float *out, bool relu, bool residual)
{
    head_layer l;
    l.x = x;
    l.norm_weight = alm_view_of(&in[0]);
    l.norm_bias = alm_view_of(&in[1]);
    l.weight = alm_view_of(&in[2]);
    l.bias = alm_view_of(&in[3]);
    l.out = out;
    l.n = (int)in[2].desc.dim[1];
    l.outputs = (int)in[2].desc.dim[0];
    l.relu = relu;
    l.residual = residual;
    const bool fast = l.weight.is_bf16 && l.n % 8 == 0 && l.n <= FAST_COLUMNS &&
                      (uintptr_t)l.weight.data % 16 == 0;
    return alm_launch(exec, "pose_head", fast ? head_fast_kernel : head_general_kernel,
                      dim3(alm_blocks(l.outputs, WARPS)), dim3(THREADS),
                      fast ? (size_t)l.n * sizeof(float) : 0, l);
}

/* Two vectors between layers, one read and one written. */
static size_t vector_bytes(const alm_op_args *a)
{
    return ((size_t)alm_pose_head_width(a) * sizeof(float) + 255) / 256 * 256;
}

static size_t workspace(const alm_op_args *a, const alm_device *device)
{
    (void)device;
    return 2 * vector_bytes(a);
}

static alm_status run(const alm_exec *x, const alm_op_args *a)
{
    const int last = a->n_in - 4;
    alm_view from = alm_view_of(&a->in[0]);
    for (int layer = 1, turn = 0; layer < last; layer += 4, turn = 1 - turn) {
        float *to = (float *)((char *)a->workspace + (size_t)turn * vector_bytes(a));
        ALM_TRY(run_layer(x, &a->in[layer], from, to, true, layer != 1));
        from = alm_view{to, 0, false, true};
    }
    return run_layer(x, &a->in[last], from, (float *)a->out[0].data, false, false);
}

/* launches: of a head with two blocks, which is what the model has. */
extern "C" const alm_kernel alm_pose_head_cuda_kernels[] = {
    {.name = "pose_head_f32_cuda",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 80,
     .workspace = workspace,
     .run = run,
     .launches = 4},
    {.name = nullptr},
};
