/* Normalisation of rows over their columns, the body of layernorm and rmsnorm: two passes over a
 * row that stays in registers, all in float32.
 *
 * The width alone decides how many threads share a row and which columns each of them has, so that
 * the bits of a row depend on nothing but the row: up to 1,024 columns a warp, up to 4,096 a block
 * of 128 threads, up to 8,192 one of 512. Wider rows are read again in every pass. Squares that
 * leave the range of float32 are summed once more, scaled down.
 */
#pragma once

#include "kernels/cuda/vector.cuh"

struct alm_norm_row {
    alm_view x, weight, bias, out; /* x, out: [rows, width]; weight, bias: [width] */
    alm_row_count rows;
    int width;
    float eps;
};

/* One or two nodes of the same sizes: blockIdx.y says which. */
struct alm_norm_sides {
    alm_norm_row of[2];
};

/* Added to the exponent before squares are summed again. */
#define ALM_NORM_SCALE 0x1p-80f

/* Sum over the WARPS warps that share a row, the same in every thread. */
template <int WARPS> __device__ __forceinline__ float norm_sum(float4 v)
{
    const float sum = (v.x + v.y) + (v.z + v.w);
    if constexpr (WARPS == 1) {
        return warp_sum(sum);
    } else {
        return block_sum<32 * WARPS>(sum);
    }
}

/* A sum with what its roundings lost: a mean that is much smaller than the values, which is what a
 * normalised channel has, must not carry their rounding errors. */
struct norm_total {
    float sum, lost;
};

/* a + b, rounded, and the exact error of that, in either order. */
__device__ __forceinline__ norm_total two_sum(float a, float b)
{
    const float sum = a + b, part = sum - a;
    return norm_total{sum, (a - (sum - part)) + (b - part)};
}

__device__ __forceinline__ void add_total(norm_total &t, const norm_total &other)
{
    const norm_total s = two_sum(t.sum, other.sum);
    t = norm_total{s.sum, (t.lost + other.lost) + s.lost};
}

__device__ __forceinline__ void add_values(norm_total &t, const float4 &v)
{
    add_total(t, norm_total{v.x, 0});
    add_total(t, norm_total{v.y, 0});
    add_total(t, norm_total{v.z, 0});
    add_total(t, norm_total{v.w, 0});
}

/* The sum over the WARPS warps that share a row, the same in every thread. */
template <int WARPS> __device__ __forceinline__ float norm_total_sum(norm_total t)
{
    for (int d = 16; d > 0; d >>= 1) {
        add_total(t, norm_total{__shfl_xor_sync(FULL_WARP, t.sum, d),
                                __shfl_xor_sync(FULL_WARP, t.lost, d)});
    }
    if constexpr (WARPS > 1) {
        SHARED(float, sums, [2 * WARPS]);
        if (threadIdx.x % 32 == 0) {
            sums[threadIdx.x / 32] = t.sum;
            sums[WARPS + threadIdx.x / 32] = t.lost;
        }
        __syncthreads();
        t = norm_total{0, 0};
        for (int w = 0; w < WARPS; w++) {
            add_total(t, norm_total{sums[w], sums[WARPS + w]});
        }
    }
    return t.sum + t.lost;
}

/* sum += (scale·(v - mean))² in the columns that exist. */
__device__ __forceinline__ void add_squares(float4 &sum, const float4 &v, float mean, float scale,
                                            int left)
{
    const float4 d =
        make_float4(left > 0 ? (v.x - mean) * scale : 0.0f, left > 1 ? (v.y - mean) * scale : 0.0f,
                    left > 2 ? (v.z - mean) * scale : 0.0f, left > 3 ? (v.w - mean) * scale : 0.0f);
    sum.x = fmaf(d.x, d.x, sum.x);
    sum.y = fmaf(d.y, d.y, sum.y);
    sum.z = fmaf(d.z, d.z, sum.z);
    sum.w = fmaf(d.w, d.w, sum.w);
}

/* (v - mean)·factor·weight + bias into the columns of out; without a bias (rmsnorm) mean is 0. */
__device__ __forceinline__ void write_normed(const alm_norm_row &a, int64_t row, int column,
                                             int left, const float4 &v, float mean, float factor)
{
    const float4 w = load4(a.weight, 0, column, left);
    const float4 n = make_float4((v.x - mean) * factor, (v.y - mean) * factor,
                                 (v.z - mean) * factor, (v.w - mean) * factor);
    float4 r;
    if (a.bias.data) {
        const float4 b = load4(a.bias, 0, column, left);
        r = make_float4(fmaf(n.x, w.x, b.x), fmaf(n.y, w.y, b.y), fmaf(n.z, w.z, b.z),
                        fmaf(n.w, w.w, b.w));
    } else {
        r = make_float4(n.x * w.x, n.y * w.y, n.z * w.z, n.w * w.w);
    }
    store4(a.out, row, column, left, r);
}

/* 1/sqrt(mean square + eps); `square` was summed with its roots scaled. */
__device__ __forceinline__ float norm_factor(float square, int width, float eps, float scale)
{
    return scale / sqrtf(square / (float)width + eps * scale * scale);
}

/* The row whose columns the threads have in v, and writes it: WARPS warps, GROUPS groups of four
 * columns a thread, width <= 128·WARPS·GROUPS. lane: of the row's threads. */
template <bool CENTRED, int WARPS, int GROUPS>
__device__ __forceinline__ void norm_registers(const alm_norm_row &a, int64_t row, int lane,
                                               const float4 (&v)[GROUPS])
{
    float4 sum = make_float4(0, 0, 0, 0);
    float mean = 0, scale = 1;
    if constexpr (CENTRED) {
        norm_total total = {0, 0};
#pragma unroll
        for (int g = 0; g < GROUPS; g++) {
            add_values(total, v[g]);
        }
        mean = norm_total_sum<WARPS>(total) / (float)a.width;
    }
#pragma unroll
    for (int g = 0; g < GROUPS; g++) {
        const int column = 4 * (lane + g * 32 * WARPS);
        add_squares(sum, v[g], mean, scale, a.width - column);
    }
    float square = norm_sum<WARPS>(sum);
    if (!(square < INFINITY)) {
        scale = ALM_NORM_SCALE;
        sum = make_float4(0, 0, 0, 0);
#pragma unroll
        for (int g = 0; g < GROUPS; g++) {
            const int column = 4 * (lane + g * 32 * WARPS);
            add_squares(sum, v[g], mean, scale, a.width - column);
        }
        square = norm_sum<WARPS>(sum);
    }
    const float factor = norm_factor(square, a.width, a.eps, scale);
#pragma unroll
    for (int g = 0; g < GROUPS; g++) {
        const int column = 4 * (lane + g * 32 * WARPS);
        if (column < a.width) {
            write_normed(a, row, column, a.width - column, v[g], mean, factor);
        }
    }
}

/* A block has four warps, or the WARPS of its row. */
template <bool CENTRED, int WARPS, int GROUPS>
static __global__ void __launch_bounds__(WARPS == 1 ? 128 : 32 * WARPS)
    norm_rows_kernel(alm_norm_sides sides)
{
    const alm_norm_row &a = sides.of[blockIdx.y];
    release_dependents();
    wait_for_inputs();
    const int lane = WARPS == 1 ? threadIdx.x % 32 : threadIdx.x;
    const int64_t row = WARPS == 1 ? (int64_t)blockIdx.x * 4 + threadIdx.x / 32 : blockIdx.x;
    if (row >= a.rows.get()) {
        return; /* all threads of the row */
    }
    float4 v[GROUPS];
#pragma unroll
    for (int g = 0; g < GROUPS; g++) {
        const int column = 4 * (lane + g * 32 * WARPS);
        v[g] = load4(a.x, row, column, a.width - column);
    }
    norm_registers<CENTRED, WARPS, GROUPS>(a, row, lane, v);
}

/* Any width: a block of 256 threads reads its row in every pass. */
template <bool CENTRED>
static __global__ void __launch_bounds__(256) norm_long_rows_kernel(alm_norm_sides sides)
{
    const alm_norm_row &a = sides.of[blockIdx.y];
    release_dependents();
    wait_for_inputs();
    const int first = 4 * (int)threadIdx.x;
    const int64_t row = blockIdx.x;
    if (row >= a.rows.get()) {
        return; /* the whole block */
    }
    float4 sum = make_float4(0, 0, 0, 0);
    float mean = 0, scale = 1;
    if constexpr (CENTRED) {
        norm_total total = {0, 0};
        for (int column = first; column < a.width; column += 1024) {
            add_values(total, load4(a.x, row, column, a.width - column));
        }
        mean = norm_total_sum<8>(total) / (float)a.width;
    }
    float square;
    for (;;) {
        sum = make_float4(0, 0, 0, 0);
        for (int column = first; column < a.width; column += 1024) {
            const int left = a.width - column;
            add_squares(sum, load4(a.x, row, column, left), mean, scale, left);
        }
        square = norm_sum<8>(sum);
        if (square < INFINITY || scale < 1) {
            break;
        }
        scale = ALM_NORM_SCALE;
    }
    const float factor = norm_factor(square, a.width, a.eps, scale);
    for (int column = first; column < a.width; column += 1024) {
        const int left = a.width - column;
        write_normed(a, row, column, left, load4(a.x, row, column, left), mean, factor);
    }
}

/* b: the other node of a pair, or NULL. */
template <bool CENTRED>
static alm_status alm_norm_run(const alm_exec *x, const char *name, const alm_norm_row &a,
                               const alm_norm_row *b)
{
    const int64_t rows = a.rows.capacity;
    const dim3 by_warp(alm_blocks(rows, 4), b ? 2 : 1), by_block((unsigned)rows, b ? 2 : 1);
    const alm_norm_sides sides = {{a, b ? *b : a}};
    if (a.width <= 256) {
        return alm_launch(x, name, norm_rows_kernel<CENTRED, 1, 2>, by_warp, dim3(128), 0, sides);
    }
    if (a.width <= 1024) {
        return alm_launch(x, name, norm_rows_kernel<CENTRED, 1, 8>, by_warp, dim3(128), 0, sides);
    }
    if (a.width <= 2048) {
        return alm_launch(x, name, norm_rows_kernel<CENTRED, 4, 4>, by_block, dim3(128), 0, sides);
    }
    if (a.width <= 4096) {
        return alm_launch(x, name, norm_rows_kernel<CENTRED, 4, 8>, by_block, dim3(128), 0, sides);
    }
    if (a.width <= 8192) {
        return alm_launch(x, name, norm_rows_kernel<CENTRED, 16, 4>, by_block, dim3(512), 0, sides);
    }
    return alm_launch(x, name, norm_long_rows_kernel<CENTRED>, by_block, dim3(256), 0, sides);
}
