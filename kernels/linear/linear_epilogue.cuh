/* What every CUDA kernel of `linear` does after the product, one element or a few neighbouring
 * columns at a time:
 *
 *     out = epilogue(product + bias) + residual, or silu(product)*product_up + residual
 *
 * in float32, rounded once where out is BF16. The sums and products that are left to the compiler
 * elsewhere are spelled out here: an element has the same bits whatever kernel, tile or width it
 * was computed in, once the product has. Bias, residual and out may lie at any address and stride;
 * a group of columns is moved at once when all of them allow it.
 */
#pragma once

#include "kernels/cuda/device.cuh"

extern "C" {
#include "kernels/linear/linear.h"
}

/* A kernel argument by value. Absent: NULL. */
struct linear_epilogue {
    void *out;             /* f32 or bf16 [N, columns]; may be residual */
    const float *residual; /* [N, columns] */
    const void *bias;      /* f32 or bf16 [columns] */
    int64_t out_stride, residual_stride;
    int columns;
    int kind; /* alm_epilogue */
    /* 4, 2 or 1: this many columns, from a multiple of it, are one aligned access in all tensors,
     * and the columns divide by it. */
    int group;
    bool out_bf16, bias_bf16;
};

/* ---- Host ---- */

/* Whether `group` elements from a multiple of it on are one aligned access in every row. */
static inline bool linear_allows_group(const alm_tensor *t, int group)
{
    const size_t bytes = (size_t)group * alm_dtype_size(t->desc.dtype);
    return (uintptr_t)t->data % bytes == 0 && (t->desc.rank < 2 || t->stride % group == 0);
}

static inline linear_epilogue linear_epilogue_of(const alm_op_args *a)
{
    const alm_tensor *out = &a->out[0], *bias = alm_optional(a, 2), *residual = alm_optional(a, 3);
    linear_epilogue e = {};
    e.out = out->data;
    e.out_stride = out->stride;
    e.out_bf16 = out->desc.dtype == ALM_DTYPE_BF16;
    e.columns = (int)a->in[1].desc.dim[0];
    e.kind = (int)((const alm_linear_attr *)a->attr)->epilogue;
    e.group = 4;
    if (residual) {
        e.residual = (const float *)residual->data;
        e.residual_stride = residual->stride;
    }
    if (bias) {
        e.bias = bias->data;
        e.bias_bf16 = bias->desc.dtype == ALM_DTYPE_BF16;
    }
    while (e.group > 1 && !(e.columns % e.group == 0 && linear_allows_group(out, e.group) &&
                            (!residual || linear_allows_group(residual, e.group)) &&
                            (!bias || linear_allows_group(bias, e.group)))) {
        e.group /= 2;
    }
    return e;
}

/* ---- Device ---- */

__device__ __forceinline__ float linear_silu(float v)
{
    return v / __fadd_rn(1.0f, expf(-v));
}

__device__ __forceinline__ float linear_gelu_erf(float v)
{
    return __fmul_rn(__fmul_rn(0.5f, v), __fadd_rn(1.0f, erff(__fmul_rn(v, 0.70710678118654752f))));
}

__device__ __forceinline__ float linear_gelu_tanh(float v)
{
    const float cubic = fmaf(__fmul_rn(0.044715f, __fmul_rn(v, v)), v, v);
    return __fmul_rn(__fmul_rn(0.5f, v),
                     __fadd_rn(1.0f, tanhf(__fmul_rn(0.79788456080286536f, cubic))));
}

/* The loop over columns is inside of the choice, which is the same for all threads. */
template <int N> __device__ __forceinline__ void linear_activate(int kind, float (&v)[N])
{
    if (kind == ALM_EPILOGUE_NONE) {
        return;
    }
    if (kind == ALM_EPILOGUE_RELU) {
#pragma unroll
        for (int i = 0; i < N; i++) {
            v[i] = v[i] < 0 ? 0 : v[i];
        }
    } else if (kind == ALM_EPILOGUE_GELU_ERF) {
#pragma unroll
        for (int i = 0; i < N; i++) {
            v[i] = linear_gelu_erf(v[i]);
        }
    } else if (kind == ALM_EPILOGUE_GELU_TANH) {
#pragma unroll
        for (int i = 0; i < N; i++) {
            v[i] = linear_gelu_tanh(v[i]);
        }
    } else { /* SILU, SWIGLU */
#pragma unroll
        for (int i = 0; i < N; i++) {
            v[i] = linear_silu(v[i]);
        }
    }
}

/* N floats at p, or those that come before `left` of them, then 0; `whole`: one aligned access. */
template <int N>
__device__ __forceinline__ void linear_load(float (&v)[N], const float *p, bool whole, int left)
{
    if (N == 4 && whole) {
        const float4 all = *(const float4 *)p;
        v[0] = all.x, v[1 % N] = all.y, v[2 % N] = all.z, v[3 % N] = all.w;
    } else if (N == 2 && whole) {
        const float2 all = *(const float2 *)p;
        v[0] = all.x, v[1 % N] = all.y;
    } else {
#pragma unroll
        for (int i = 0; i < N; i++) {
            v[i] = i < left ? p[i] : 0.0f;
        }
    }
}

/* Bias of columns column ... column + N - 1, 0 where there is none. N is 1, 2 or 4, column a
 * multiple of it. */
template <int N>
__device__ __forceinline__ void linear_bias(const linear_epilogue &e, int column, float (&b)[N])
{
    const int left = e.columns - column;
    if (!e.bias) {
#pragma unroll
        for (int i = 0; i < N; i++) {
            b[i] = 0;
        }
    } else if (e.bias_bf16) {
        const bf16 *p = (const bf16 *)e.bias + column;
#pragma unroll
        for (int i = 0; i < N; i++) {
            b[i] = i < left ? to_float(p[i]) : 0.0f;
        }
    } else {
        linear_load<N>(b, (const float *)e.bias + column, left >= N && e.group >= N, left);
    }
}

/* Residual of a row that is in use, 0 where there is none. */
template <int N>
__device__ __forceinline__ void linear_residual(const linear_epilogue &e, int64_t row, int column,
                                                float (&r)[N])
{
    const int left = e.columns - column;
    if (!e.residual) {
#pragma unroll
        for (int i = 0; i < N; i++) {
            r[i] = 0;
        }
    } else {
        linear_load<N>(r, e.residual + row * e.residual_stride + column, left >= N && e.group >= N,
                       left);
    }
}

/* v becomes the result: product in v, and in `up` for SWIGLU (not read otherwise). */
template <int N>
__device__ __forceinline__ void linear_finish(const linear_epilogue &e, float (&v)[N],
                                              const float (&bias)[N], const float (&up)[N],
                                              const float (&residual)[N])
{
#pragma unroll
    for (int i = 0; i < N; i++) {
        v[i] = __fadd_rn(v[i], bias[i]);
    }
    linear_activate<N>(e.kind, v);
    if (e.kind == ALM_EPILOGUE_SWIGLU) {
#pragma unroll
        for (int i = 0; i < N; i++) {
            v[i] = __fmul_rn(v[i], up[i]);
        }
    }
#pragma unroll
    for (int i = 0; i < N; i++) {
        v[i] = __fadd_rn(v[i], residual[i]);
    }
}

/* Rounds and stores the columns that exist, in a row that is in use. */
template <int N>
__device__ __forceinline__ void linear_store(const linear_epilogue &e, int64_t row, int column,
                                             const float (&v)[N])
{
    const int left = e.columns - column;
    const bool whole = left >= N && e.group >= N;
    const int64_t at = row * e.out_stride + column;
    if (e.out_bf16) {
        bf16 *p = (bf16 *)e.out + at;
        if (N == 4 && whole) {
            *(uint2 *)p = make_uint2(pack_bf16(v[0], v[1 % N]), pack_bf16(v[2 % N], v[3 % N]));
        } else if (N == 2 && whole) {
            *(uint32_t *)p = pack_bf16(v[0], v[1 % N]);
        } else {
#pragma unroll
            for (int i = 0; i < N; i++) {
                if (i < left) {
                    p[i] = from_float<bf16>(v[i]);
                }
            }
        }
        return;
    }
    float *p = (float *)e.out + at;
    if (N == 4 && whole) {
        *(float4 *)p = make_float4(v[0], v[1 % N], v[2 % N], v[3 % N]);
    } else if (N == 2 && whole) {
        *(float2 *)p = make_float2(v[0], v[1 % N]);
    } else {
#pragma unroll
        for (int i = 0; i < N; i++) {
            if (i < left) {
                p[i] = v[i];
            }
        }
    }
}

/* Writes ROWS rows of a block's tile that lie in shared memory as products, [ROWS, BN] of rows
 * BN + LINEAR_STAGED_PAD apart; SWIGLU: the gate's columns, then as many of up. The columns are
 * those of column block `column_block`; first_row is the row of the tile's first, rows past
 * `rows_end` are not there. All THREADS call it between two barriers; the tile is changed. */
static const int LINEAR_STAGED_PAD = 8;

template <int ROWS, int BN, int THREADS>
__device__ __forceinline__ void linear_store_staged(const linear_epilogue &e, float *tile,
                                                    int64_t first_row, int64_t rows_end,
                                                    int column_block)
{
    const int pitch = BN + LINEAR_STAGED_PAD, BATCH = BN <= 64 ? 4 : 8;
    const bool gated = e.kind == ALM_EPILOGUE_SWIGLU;
    const int quads = gated ? BN / 8 : BN / 4;
    const int quad = (int)threadIdx.x % quads, step = THREADS / quads;
    const int column = 4 * (column_block * quads + quad);
    const int r0 = (int)threadIdx.x / quads;
    const int left = rows_end - first_row < ROWS ? (int)(rows_end - first_row) : ROWS;
    if (column >= e.columns) {
        return;
    }
    float bias[4];
    linear_bias<4>(e, column, bias);
    float *mine = tile + 4 * quad;
    if (e.kind != ALM_EPILOGUE_NONE) {
        /* Apart from the stores, so that this long code is not unrolled. */
#pragma unroll 1
        for (int r = r0; r < left; r += step) {
            float4 *at = (float4 *)(mine + r * pitch);
            float v[4] = {at->x, at->y, at->z, at->w};
#pragma unroll
            for (int i = 0; i < 4; i++) {
                v[i] = __fadd_rn(v[i], bias[i]);
            }
            linear_activate<4>(e.kind, v);
            if (gated) {
                const float4 up = *(const float4 *)(mine + r * pitch + BN / 2);
                v[0] = __fmul_rn(v[0], up.x), v[1] = __fmul_rn(v[1], up.y);
                v[2] = __fmul_rn(v[2], up.z), v[3] = __fmul_rn(v[3], up.w);
            }
            *at = make_float4(v[0], v[1], v[2], v[3]);
        }
        bias[0] = bias[1] = bias[2] = bias[3] = 0;
    }
    /* The loads of a batch are all on their way before the first store. */
#pragma unroll 1
    for (int r = r0; r < left; r += BATCH * step) {
        float residual[BATCH][4];
#pragma unroll
        for (int u = 0; u < BATCH; u++) {
            if (r + u * step < left) {
                linear_residual<4>(e, first_row + r + u * step, column, residual[u]);
            }
        }
#pragma unroll
        for (int u = 0; u < BATCH; u++) {
            if (r + u * step < left) {
                const float4 at = *(const float4 *)(mine + (r + u * step) * pitch);
                float v[4] = {at.x, at.y, at.z, at.w};
#pragma unroll
                for (int i = 0; i < 4; i++) {
                    v[i] = __fadd_rn(__fadd_rn(v[i], bias[i]), residual[u][i]);
                }
                linear_store<4>(e, first_row + r + u * step, column, v);
            }
        }
    }
}
