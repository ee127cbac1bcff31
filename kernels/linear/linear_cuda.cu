/* linear on a GPU: the list of kernels, and those that take any type, size, stride and alignment.
 *
 * The general kernel: tiles of 64 x 64 products in float32, an element one chain of fused
 * multiply-adds over k = 0 ... K - 1. For f32 arithmetic and for odd shapes; the tensor-core
 * kernels are in linear_mma.cuh and linear_sm90.cu.
 *
 * The kernel for few rows (the last row of the language model, the head): a warp a column, lanes
 * over K, so that the weights, which are all the traffic, come in at full width once.
 */
#include "kernels/cuda/device.cuh"

#include "kernels/cuda/launch.h"
#include "kernels/cuda/table.h"
#include "kernels/linear/linear_cuda.h"
#include "kernels/linear/linear_epilogue.cuh"
#include "kernels/linear/linear_mma.cuh"

/* A matrix of either type, rows `stride` elements apart. */
struct linear_matrix {
    const void *data;
    int64_t stride;
    bool is_bf16;
};

static linear_matrix matrix_of(const alm_tensor *t, int64_t stride)
{
    return linear_matrix{t ? t->data : nullptr, stride, t && t->desc.dtype == ALM_DTYPE_BF16};
}

__device__ __forceinline__ float element(const linear_matrix &m, int64_t at)
{
    return m.is_bf16 ? to_float(((const bf16 *)m.data)[at]) : ((const float *)m.data)[at];
}

/* ---- Any shape ---- */

static const int TILE = 64, DEPTH = 16, PITCH = TILE + 4, THREADS = 256;

/* This thread's 4 of the [64, 16] elements from row `first` of m and column k on; rows from `end`
 * on and columns from `depth` on are 0. */
__device__ __forceinline__ void fetch(float (&v)[4], const linear_matrix &m, int64_t first,
                                      int64_t end, int k, int depth)
{
    const int column = k + (int)threadIdx.x % DEPTH;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        const int64_t row = first + (int)threadIdx.x / DEPTH + i * (THREADS / DEPTH);
        v[i] = row < end && column < depth ? element(m, row * m.stride + column) : 0.0f;
    }
}

/* Those elements to a tile that is transposed: [16, 64] of rows PITCH apart. */
__device__ __forceinline__ void put(float *tile, const float (&v)[4])
{
    float *to = tile + (int)threadIdx.x % DEPTH * PITCH + (int)threadIdx.x / DEPTH;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        to[i * (THREADS / DEPTH)] = v[i];
    }
}

/* The weights of a tile: 64 columns, or 32 of the gate and the same 32 of up. */
__device__ __forceinline__ void fetch_weight(float (&v)[4], const linear_matrix &weight,
                                             const linear_matrix &up, int64_t first, int64_t end,
                                             int k, int depth)
{
    if (!up.data) {
        fetch(v, weight, first, end, k, depth);
        return;
    }
    const int column = k + (int)threadIdx.x % DEPTH;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        const int r = (int)threadIdx.x / DEPTH + i * (THREADS / DEPTH);
        const int64_t row = first + r % (TILE / 2);
        v[i] = !(row < end && column < depth) ? 0.0f
               : r < TILE / 2                 ? element(weight, row * weight.stride + column)
                                              : element(up, row * up.stride + column);
    }
}

/* A block a tile: blockIdx.x over rows (and y over columns). Each thread 4 x 4 products. */
static __global__ void __launch_bounds__(THREADS)
    linear_kernel(linear_matrix x, linear_matrix weight, linear_matrix up, alm_row_count row_count,
                  int depth, linear_epilogue e)
{
    release_dependents();
    wait_for_inputs();
    const int64_t rows = row_count.get(), first_row = (int64_t)blockIdx.x * TILE;
    const int64_t first_column = (int64_t)blockIdx.y * (up.data ? TILE / 2 : TILE);
    if (first_row >= rows) {
        return;
    }
    /* Two tiles of x, two of the weights; at the end the products. */
    SHARED(float4, shared, [TILE * (TILE + LINEAR_STAGED_PAD) / 4]);
    float *const x_tile = (float *)&shared[0], *const w_tile = x_tile + 2 * DEPTH * PITCH;
    const int row = 4 * ((int)threadIdx.x / 16), column = 4 * ((int)threadIdx.x % 16);
    float sum[4][4] = {}, next_x[4], next_w[4];
    const int blocks = (depth + DEPTH - 1) / DEPTH;
    fetch(next_x, x, first_row, rows, 0, depth);
    fetch_weight(next_w, weight, up, first_column, e.columns, 0, depth);
    for (int block = 0; block < blocks; block++) {
        float *const xs = x_tile + block % 2 * (DEPTH * PITCH);
        float *const ws = w_tile + block % 2 * (DEPTH * PITCH);
        put(xs, next_x);
        put(ws, next_w);
        __syncthreads();
        fetch(next_x, x, first_row, rows, (block + 1) * DEPTH, depth);
        fetch_weight(next_w, weight, up, first_column, e.columns, (block + 1) * DEPTH, depth);
#pragma unroll
        for (int k = 0; k < DEPTH; k++) {
            const float4 a4 = *(const float4 *)(xs + k * PITCH + row);
            const float4 b4 = *(const float4 *)(ws + k * PITCH + column);
            const float a[4] = {a4.x, a4.y, a4.z, a4.w}, b[4] = {b4.x, b4.y, b4.z, b4.w};
#pragma unroll
            for (int i = 0; i < 4; i++) {
#pragma unroll
                for (int j = 0; j < 4; j++) {
                    sum[i][j] = fmaf(a[i], b[j], sum[i][j]);
                }
            }
        }
    }
    __syncthreads();
    float *const staged = (float *)&shared[0];
#pragma unroll
    for (int i = 0; i < 4; i++) {
        *(float4 *)(staged + (row + i) * (TILE + LINEAR_STAGED_PAD) + column) =
            make_float4(sum[i][0], sum[i][1], sum[i][2], sum[i][3]);
    }
    __syncthreads();
    linear_store_staged<TILE, TILE, THREADS>(e, staged, first_row, rows, (int)blockIdx.y);
}

static alm_status run_general(const alm_exec *x, const alm_op_args *a)
{
    const alm_tensor *in = &a->in[0], *up = alm_optional(a, 4);
    const int64_t depth = in->desc.dim[1], columns = a->in[1].desc.dim[0];
    const dim3 grid(alm_blocks(in->desc.dim[0], TILE), alm_blocks(columns, up ? TILE / 2 : TILE));
    return alm_launch(x, "linear", linear_kernel, grid, dim3(THREADS), 0, matrix_of(in, in->stride),
                      matrix_of(&a->in[1], depth), matrix_of(up, depth), alm_row_count_of(in),
                      (int)depth, linear_epilogue_of(a));
}

/* ---- Few rows ---- */

static const int FEW_ROWS = 4, FEW_WARPS = 4, CHUNK = 8;

/* Elements k ... k + 7 of a row that starts at `at`, 0 from depth on. k is a multiple of 8;
 * `whole`: the row may be read 16 bytes at a time and depth is a multiple of 8. */
__device__ __forceinline__ void chunk_of(float (&v)[CHUNK], const linear_matrix &m, int64_t at,
                                         int k, int depth, bool whole)
{
    if (whole && m.is_bf16) {
        const uint4 bits = *(const uint4 *)((const bf16 *)m.data + at + k);
        const uint32_t word[4] = {bits.x, bits.y, bits.z, bits.w};
#pragma unroll
        for (int i = 0; i < 4; i++) {
            v[2 * i] = __uint_as_float(word[i] << 16);
            v[2 * i + 1] = __uint_as_float(word[i] & 0xFFFF0000u);
        }
    } else if (whole) {
        const float *p = (const float *)m.data + at + k;
        const float4 lo = *(const float4 *)p, hi = *(const float4 *)(p + 4);
        v[0] = lo.x, v[1] = lo.y, v[2] = lo.z, v[3] = lo.w;
        v[4] = hi.x, v[5] = hi.y, v[6] = hi.z, v[7] = hi.w;
    } else {
#pragma unroll
        for (int i = 0; i < CHUNK; i++) {
            v[i] = k + i < depth ? element(m, at + k + i) : 0.0f;
        }
    }
}

/* A warp a column; up to FEW_ROWS rows. Lane l sums the chunks l, l + 32, ... in a chain, then the
 * warp its lanes: the order is the same whatever is read at once. */
static __global__ void __launch_bounds__(32 * FEW_WARPS)
    linear_few_kernel(linear_matrix x, linear_matrix weight, linear_matrix up,
                      alm_row_count row_count, int depth, linear_epilogue e, bool whole)
{
    release_dependents();
    wait_for_inputs();
    const int column = (int)blockIdx.x * FEW_WARPS + (int)threadIdx.x / 32;
    const int lane = (int)threadIdx.x % 32, rows = row_count.get();
    if (column >= e.columns) {
        return;
    }
    float sum[FEW_ROWS] = {}, sum_up[FEW_ROWS] = {};
#pragma unroll 4
    for (int k = CHUNK * lane; k < depth; k += CHUNK * 32) {
        float w[CHUNK], u[CHUNK];
        chunk_of(w, weight, column * weight.stride, k, depth, whole);
        if (up.data) {
            chunk_of(u, up, column * up.stride, k, depth, whole);
        }
#pragma unroll
        for (int r = 0; r < FEW_ROWS; r++) {
            if (r < rows) {
                float v[CHUNK];
                chunk_of(v, x, r * x.stride, k, depth, whole);
#pragma unroll
                for (int i = 0; i < CHUNK; i++) {
                    sum[r] = fmaf(v[i], w[i], sum[r]);
                }
                if (up.data) {
#pragma unroll
                    for (int i = 0; i < CHUNK; i++) {
                        sum_up[r] = fmaf(v[i], u[i], sum_up[r]);
                    }
                }
            }
        }
    }
    float bias[1];
    linear_bias<1>(e, column, bias);
#pragma unroll
    for (int r = 0; r < FEW_ROWS; r++) {
        if (r < rows) {
            float v[1] = {warp_sum(sum[r])}, u[1] = {up.data ? warp_sum(sum_up[r]) : 0.0f};
            /* One lane: the residual may be what is written. */
            if (lane == 0) {
                float residual[1];
                linear_residual<1>(e, r, column, residual);
                linear_finish<1>(e, v, bias, u, residual);
                linear_store<1>(e, r, column, v);
            }
        }
    }
}

static bool few_accepts(const alm_op_args *a)
{
    return a->in[0].desc.dim[0] <= FEW_ROWS;
}

static bool reads_whole(const alm_tensor *t, int64_t stride)
{
    return !t || ((uintptr_t)t->data % 16 == 0 && stride % CHUNK == 0);
}

static alm_status run_few(const alm_exec *x, const alm_op_args *a)
{
    const alm_tensor *in = &a->in[0], *up = alm_optional(a, 4);
    const int64_t depth = in->desc.dim[1], columns = a->in[1].desc.dim[0];
    const bool whole = depth % CHUNK == 0 && reads_whole(in, in->stride) &&
                       reads_whole(&a->in[1], depth) && reads_whole(up, depth);
    if (in->desc.dim[0] == 0) {
        return ALM_OK;
    }
    return alm_launch(x, "linear_few", linear_few_kernel, dim3(alm_blocks(columns, FEW_WARPS)),
                      dim3(32 * FEW_WARPS), 0, matrix_of(in, in->stride),
                      matrix_of(&a->in[1], depth), matrix_of(up, depth), alm_row_count_of(in),
                      (int)depth, linear_epilogue_of(a), whole);
}

/* ---- The list ---- */

static alm_status run_mma(const alm_exec *x, const alm_op_args *a)
{
    return linear_mma_run(x, a, -1);
}

extern "C" alm_status alm_linear_mma_run(const alm_exec *x, const alm_op_args *a)
{
    return run_mma(x, a);
}

template <int TILE_INDEX> static alm_status run_mma_tile(const alm_exec *x, const alm_op_args *a)
{
    return linear_mma_run(x, a, TILE_INDEX);
}

/* Behind the general kernel: for comparison, only ASSEMLM_KERNEL, tests and benches take them. */
extern "C" const alm_kernel alm_linear_cuda_kernels[] = {
    {.name = "linear_few_cuda",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 80,
     .accepts = few_accepts,
     .run = run_few},
    {.name = "linear_bf16_mma",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 80,
     .accepts = linear_mma_accepts,
     .run = run_mma,
     .run_pair = linear_mma_run_pair},
    {.name = "linear_cuda", .backend = ALM_BACKEND_CUDA, .min_arch = 80, .run = run_general},
#ifdef ALM_HAS_SM90
    {.name = "linear_bf16_sm90",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 90,
     .max_arch = 90,
     .accepts = alm_linear_sm90_accepts,
     .run = alm_linear_sm90_run,
     .run_pair = linear_mma_run_pair, /* pairs are small: the clouds' steps of the bridge */
     .is_trial = true},
#endif
    {.name = "linear_bf16_mma_128x256",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 80,
     .accepts = linear_mma_accepts,
     .run = run_mma_tile<0>},
    {.name = "linear_bf16_mma_128x128",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 80,
     .accepts = linear_mma_accepts,
     .run = run_mma_tile<1>},
    {.name = "linear_bf16_mma_128x64",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 80,
     .accepts = linear_mma_accepts,
     .run = run_mma_tile<2>},
    {.name = "linear_bf16_mma_64x64",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 80,
     .accepts = linear_mma_accepts,
     .run = run_mma_tile<3>},
#ifndef ALM_CUDA_SHIM
    {.name = "linear_bf16_cublaslt",
     .backend = ALM_BACKEND_CUDA,
     .min_arch = 80,
     .accepts = alm_linear_cublaslt_accepts,
     .workspace = alm_linear_cublaslt_workspace,
     .run = alm_linear_cublaslt_run,
     .launches = 2,
     .is_foreign = true},
#endif
    {.name = nullptr},
};
