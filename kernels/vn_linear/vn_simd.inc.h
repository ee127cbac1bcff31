/* Vector-neuron layers on vectors of floats, for vn_linear and edge_conv. Lanes are points or
 * edges; a field of C channels is [C][3][W], W lanes. Nothing depends on which lane a point is in.
 */
#ifndef ALM_KERNELS_VN_SIMD_H
#define ALM_KERNELS_VN_SIMD_H

#include "kernels/core/numeric.h"
#include "kernels/core/simd.h"
#include "kernels/vn_linear/vn_linear.h"

enum {
    W = ALM_VF_WIDTH,
#if defined(__AVX512F__)
    VN_ROWS = 8 /* of a register tile: 24 accumulators, 3 vectors of x, 1 weight */
#else
    VN_ROWS = 4
#endif
};

/* y = w·x for `rows` <= VN_ROWS rows. w: rows `in` apart; x: [in][3][W]; y: [rows][3][W] */
static inline __attribute__((always_inline)) void vn_tile(const int rows, const float *w,
                                                          int64_t in, const float *x, float *y)
{
    alm_vf sum[VN_ROWS][3];
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
        sum[r][0] = sum[r][1] = sum[r][2] = alm_vf_zero();
    }
    for (int64_t c = 0; c < in; c++, x += 3 * W) {
        const alm_vf x0 = alm_vf_load(x), x1 = alm_vf_load(x + W), x2 = alm_vf_load(x + 2 * W);
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            const alm_vf weight = alm_vf_set1(w[r * in + c]);
            sum[r][0] = alm_vf_fma(weight, x0, sum[r][0]);
            sum[r][1] = alm_vf_fma(weight, x1, sum[r][1]);
            sum[r][2] = alm_vf_fma(weight, x2, sum[r][2]);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
        alm_vf_store(y + (r * 3 + 0) * W, sum[r][0]);
        alm_vf_store(y + (r * 3 + 1) * W, sum[r][1]);
        alm_vf_store(y + (r * 3 + 2) * W, sum[r][2]);
    }
}

/* y = w·x. w: [rows, in]; x: [in][3][W]; y: [rows][3][W] */
static inline void vn_product(const float *w, int64_t rows, int64_t in, const float *x, float *y)
{
    for (; rows >= VN_ROWS; rows -= VN_ROWS, w += VN_ROWS * in, y += VN_ROWS * 3 * W) {
        vn_tile(VN_ROWS, w, in, x, y);
    }
    switch (rows) {
#if defined(__AVX512F__)
    case 7: vn_tile(7, w, in, x, y); break;
    case 6: vn_tile(6, w, in, x, y); break;
    case 5: vn_tile(5, w, in, x, y); break;
    case 4: vn_tile(4, w, in, x, y); break;
#endif
    case 3: vn_tile(3, w, in, x, y); break;
    case 2: vn_tile(2, w, in, x, y); break;
    case 1: vn_tile(1, w, in, x, y); break;
    default: break;
    }
}

/* 1/sqrt(mean of p² over channels and xyz + eps). p: [channels][3][W] */
static inline alm_vf vn_scale(const float *p, int64_t channels)
{
    alm_vf squares[3] = {alm_vf_zero(), alm_vf_zero(), alm_vf_zero()};
    for (int64_t c = 0; c < channels; c++) {
        for (int i = 0; i < 3; i++) {
            const alm_vf v = alm_vf_load(p + (3 * c + i) * W);
            squares[i] = alm_vf_fma(v, v, squares[i]);
        }
    }
    const alm_vf mean = (squares[0] + squares[1] + squares[2]) / alm_vf_set1((float)(3 * channels));
    return alm_vf_set1(1.0f) / alm_vf_sqrt(mean + alm_vf_set1((float)ALM_VN_EPS));
}

/* p·scale·norm[c] bent along d: what lies against d is shortened. p: [channels][3][W]; d the same,
 * or [1][3][W] for all channels; norm: [channels]. Adds to y or writes it; y may be p. */
static inline __attribute__((always_inline)) void vn_bend(const float *p, const float *d,
                                                          bool shared, const float *norm,
                                                          alm_vf scale, int64_t channels,
                                                          const bool add, float *y)
{
    const alm_vf eps = alm_vf_set1((float)ALM_VN_EPS);
    const alm_vf rest = alm_vf_set1((float)(1.0 - ALM_VN_SLOPE));
    for (int64_t c = 0; c < channels; c++) {
        const float *at = p + 3 * c * W, *along = shared ? d : d + 3 * c * W;
        const alm_vf gain = scale * alm_vf_set1(norm[c]);
        alm_vf v[3], u[3], s = alm_vf_zero(), dd = alm_vf_zero();
        for (int i = 0; i < 3; i++) {
            v[i] = alm_vf_load(at + i * W) * gain;
            u[i] = alm_vf_load(along + i * W);
            s = alm_vf_fma(v[i], u[i], s);
            dd = alm_vf_fma(u[i], u[i], dd);
        }
        /* 0.2·p + 0.8·(p − s/(dd + eps)·d) = p − 0.8·s/(dd + eps)·d where s < 0, else p */
        const alm_vf against = alm_vf_min(s, alm_vf_zero());
        const alm_vf factor = rest * against / (dd + eps);
        for (int i = 0; i < 3; i++) {
            float *to = y + (3 * c + i) * W;
            v[i] = alm_vf_fnma(factor, u[i], v[i]);
            if (add) {
                v[i] = alm_vf_load(to) + v[i];
            }
            alm_vf_store(to, v[i]);
        }
    }
}

/* Widens n weights. */
static inline void vn_widen(const alm_tensor *weight, int64_t n, float *out)
{
    const bool bf16 = weight->desc.dtype == ALM_DTYPE_BF16;
    int64_t i = 0;
    for (; bf16 && i + W <= n; i += W) {
        alm_vf_store(out + i, alm_vf_load_bf16((const uint16_t *)weight->data + i));
    }
    for (; i < n; i++) {
        out[i] = alm_weight_at(bf16, weight->data, i);
    }
}

#endif
