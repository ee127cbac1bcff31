/* Rows of float or bf16 as the row-wise kernels see them: groups of four (or eight) columns are
 * read and written with one access where the row allows it, one by one otherwise. Both ways give
 * the same values, so that a kernel has one body and its bits do not depend on alignment.
 *
 * It owns no arithmetic and knows no operation. Columns of a group that a row does not have read as
 * 0 and are not written.
 */
#pragma once

#include "kernels/cuda/device.cuh"

#include "kernels/cuda/launch.h"

/* Rows that lie `stride` elements apart. `aligned`: every row starts where a group of four may.
 * Both flags are 0 or 1, and no bool, so that the struct has no gaps: kernels would be passed what
 * lies in them. */
struct alm_view {
    void *data;
    int64_t stride;
    int32_t is_bf16, aligned;
};

/* The tensor from column `first` on. Rows are read from its start: columns count from `first`. */
static inline alm_view alm_view_from(const alm_tensor *t, int64_t first)
{
    const bool is_bf16 = t->desc.dtype == ALM_DTYPE_BF16;
    const size_t size = is_bf16 ? sizeof(bf16) : sizeof(float);
    char *data = (char *)t->data;
    data = data ? data + (size_t)first * size : nullptr;
    /* A single row has no next one. */
    const bool rows_fit = t->desc.dim[0] <= 1 || t->stride % 4 == 0 || t->desc.rank < 2;
    return alm_view{data, t->stride, is_bf16, rows_fit && (uintptr_t)data % (4 * size) == 0};
}

static inline alm_view alm_view_of(const alm_tensor *t)
{
    return alm_view_from(t, 0);
}

/* An absent tensor has data NULL. */
static inline alm_view alm_view_of_optional(const alm_tensor *t)
{
    return t ? alm_view_of(t) : alm_view{nullptr, 0, false, false};
}

/* Four floats from columns column ... column + 3 of the row, of which `left` exist (more than 4
 * when the row goes on). column % 4 == 0. */
__device__ __forceinline__ float4 load4(const alm_view &v, int64_t row, int column, int left)
{
    const int64_t at = row * v.stride + column;
    float4 r = make_float4(0, 0, 0, 0);
    if (v.is_bf16) {
        const bf16 *p = (const bf16 *)v.data + at;
        if (v.aligned && left >= 4) {
            const uint2 bits = *(const uint2 *)p;
            r.x = __uint_as_float(bits.x << 16);
            r.y = __uint_as_float(bits.x & 0xFFFF0000u);
            r.z = __uint_as_float(bits.y << 16);
            r.w = __uint_as_float(bits.y & 0xFFFF0000u);
            return r;
        }
        r.x = left > 0 ? to_float(p[0]) : 0;
        r.y = left > 1 ? to_float(p[1]) : 0;
        r.z = left > 2 ? to_float(p[2]) : 0;
        r.w = left > 3 ? to_float(p[3]) : 0;
        return r;
    }
    const float *p = (const float *)v.data + at;
    if (v.aligned && left >= 4) {
        return *(const float4 *)p;
    }
    r.x = left > 0 ? p[0] : 0;
    r.y = left > 1 ? p[1] : 0;
    r.z = left > 2 ? p[2] : 0;
    r.w = left > 3 ? p[3] : 0;
    return r;
}

/* The same the other way round, rounded to nearest even where the view is bf16. */
__device__ __forceinline__ void store4(const alm_view &v, int64_t row, int column, int left,
                                       float4 value)
{
    const int64_t at = row * v.stride + column;
    if (v.is_bf16) {
        bf16 *p = (bf16 *)v.data + at;
        if (v.aligned && left >= 4) {
            *(uint2 *)p = make_uint2(pack_bf16(value.x, value.y), pack_bf16(value.z, value.w));
            return;
        }
        if (left > 0) {
            p[0] = from_float<bf16>(value.x);
        }
        if (left > 1) {
            p[1] = from_float<bf16>(value.y);
        }
        if (left > 2) {
            p[2] = from_float<bf16>(value.z);
        }
        if (left > 3) {
            p[3] = from_float<bf16>(value.w);
        }
        return;
    }
    float *p = (float *)v.data + at;
    if (v.aligned && left >= 4) {
        *(float4 *)p = value;
        return;
    }
    if (left > 0) {
        p[0] = value.x;
    }
    if (left > 1) {
        p[1] = value.y;
    }
    if (left > 2) {
        p[2] = value.z;
    }
    if (left > 3) {
        p[3] = value.w;
    }
}

__device__ __forceinline__ float load1(const alm_view &v, int64_t row, int column)
{
    const int64_t at = row * v.stride + column;
    return v.is_bf16 ? to_float(((const bf16 *)v.data)[at]) : ((const float *)v.data)[at];
}

__device__ __forceinline__ void store1(const alm_view &v, int64_t row, int column, float value)
{
    const int64_t at = row * v.stride + column;
    if (v.is_bf16) {
        ((bf16 *)v.data)[at] = from_float<bf16>(value);
    } else {
        ((float *)v.data)[at] = value;
    }
}

/* Bits of eight bf16 as two groups of four floats. */
__device__ __forceinline__ void widen8(const uint4 &bits, float4 &lo, float4 &hi)
{
    lo.x = __uint_as_float(bits.x << 16);
    lo.y = __uint_as_float(bits.x & 0xFFFF0000u);
    lo.z = __uint_as_float(bits.y << 16);
    lo.w = __uint_as_float(bits.y & 0xFFFF0000u);
    hi.x = __uint_as_float(bits.z << 16);
    hi.y = __uint_as_float(bits.z & 0xFFFF0000u);
    hi.z = __uint_as_float(bits.w << 16);
    hi.w = __uint_as_float(bits.w & 0xFFFF0000u);
}

/* How the elementwise kernels lie over rows and groups of four columns: blocks of 128 threads, x
 * over the groups, y over rows where a row has fewer groups than that. */
struct alm_row_tiles {
    dim3 grid, block;
};

static inline alm_row_tiles alm_row_tiles_of(int64_t rows, int64_t width)
{
    const int64_t groups = (width + 3) / 4;
    unsigned x = 1;
    while (x < 128 && x < groups) {
        x *= 2;
    }
    return alm_row_tiles{dim3(alm_blocks(rows, 128 / x), alm_blocks(groups, x)), dim3(x, 128 / x)};
}

__device__ __forceinline__ int64_t tile_row()
{
    return (int64_t)blockIdx.x * blockDim.y + threadIdx.y;
}

__device__ __forceinline__ int tile_column()
{
    return 4 * (int)(blockIdx.y * blockDim.x + threadIdx.x);
}
