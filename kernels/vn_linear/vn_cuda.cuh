/* What the CUDA kernels of the point side share: weights of either type, sums in double.
 *
 * In double where a direction is made: a direction that nearly vanishes is bent along with all its
 * relative error (vn_simd.inc.h).
 */
#pragma once

#include "kernels/cuda/device.cuh"

#include "kernels/cuda/launch.h"

extern "C" {
#include "kernels/vn_linear/vn_linear.h"
}

/* A weight tensor, F32 or BF16, packed. */
struct vn_weight {
    const void *data;
    int64_t is_bf16; /* as wide as a pointer: no padding, whose bytes may look like one */
    __device__ __forceinline__ float at(int64_t i) const
    {
        return is_bf16 ? to_float(((const bf16 *)data)[i]) : ((const float *)data)[i];
    }
};

static inline vn_weight vn_weight_of(const alm_tensor *t)
{
    return vn_weight{t->data, t->desc.dtype == ALM_DTYPE_BF16};
}

/* The layer whose tensors are in[first], in[first + 1], in[first + 2]. */
struct vn_layer {
    vn_weight feat, norm, dir; /* [out, in], [out], [dirs, in] */
    int in, out, dirs;         /* dirs is out or 1 */
    int unused = 0;
};

static inline vn_layer vn_layer_at(const alm_op_args *a, int first)
{
    const alm_vn_layer l = alm_vn_layer_at(a, first);
    return vn_layer{vn_weight_of(l.feat),     vn_weight_of(l.norm),     vn_weight_of(l.dir),
                    (int)l.feat->desc.dim[1], (int)l.feat->desc.dim[0], (int)l.dir->desc.dim[0]};
}

/* The sum over the warp, the same in every lane. */
__device__ __forceinline__ double warp_sum(double v)
{
    for (int d = 16; d > 0; d >>= 1) {
        v += __shfl_xor_sync(FULL_WARP, v, d);
    }
    return v;
}

/* Sum over a block of THREADS, the same in every thread and in every run. All threads call it; it
 * ends with a barrier. */
template <int THREADS> __device__ __forceinline__ double block_sum(double v)
{
    SHARED(double, sums, [32]);
    v = warp_sum(v);
    if (threadIdx.x % 32 == 0) {
        sums[threadIdx.x / 32] = v;
    }
    __syncthreads();
    double total = 0;
    for (int w = 0; w < THREADS / 32; w++) {
        total += sums[w];
    }
    __syncthreads();
    return total;
}

/* 1/sqrt(mean square + eps) from the sum of squares over channels and xyz. */
__device__ __forceinline__ double vn_scale(double squares, int channels)
{
    return 1.0 / sqrt(squares / (double)(3 * channels) + ALM_VN_EPS);
}

/* p·norm, and what of it lies against d shortened; still to be multiplied by the scale of the
 * field, which is positive and does not turn anything. */
__device__ __forceinline__ void vn_bend(double (&p)[3], const double (&d)[3], double norm)
{
    const double along = p[0] * d[0] + p[1] * d[1] + p[2] * d[2];
    const double dd = d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + ALM_VN_EPS;
    const double factor = along * norm < 0.0 ? (1.0 - ALM_VN_SLOPE) * along / dd : 0.0;
    for (int i = 0; i < 3; i++) {
        p[i] = norm * (p[i] - factor * d[i]);
    }
}
