/* Vector-neuron layers for vn_linear and edge_conv, written once for AVX-512 and AVX2.
 *
 * In double: a direction d that nearly vanishes is bent along with all its relative error, and in
 * float32 the rounding of one layer grew to 1.6e-4 of the rms two layers later (2.4e-5 in double,
 * where only what is stored between operations is rounded). Lanes are W points or edges, a field of
 * C channels is [C][3][W]; nothing depends on the lane that a point is in.
 */
#ifndef ALM_KERNELS_VN_SIMD_H
#define ALM_KERNELS_VN_SIMD_H

#include "kernels/core/numeric.h"
#include "kernels/core/simd.h"
#include "kernels/vn_linear/vn_linear.h"

#if defined(__AVX512F__)

typedef __m512d vn_vd;
enum {
    W = 8,
    VN_ROWS = 8 /* of a register tile: 24 accumulators, 3 vectors of x, 1 weight */
};
#define vn_load(p) _mm512_loadu_pd(p)
#define vn_store(p, v) _mm512_storeu_pd((p), (v))
#define vn_set1(s) _mm512_set1_pd(s)
#define vn_fma(a, b, c) _mm512_fmadd_pd((a), (b), (c))   /* a·b + c */
#define vn_fnma(a, b, c) _mm512_fnmadd_pd((a), (b), (c)) /* c − a·b */
#define vn_min(a, b) _mm512_min_pd((a), (b))
#define vn_sqrt(a) _mm512_sqrt_pd(a)
/* p[offset[lane]]; int32_t offset[W] */
#define vn_gather(p, offset)                                                                       \
    _mm512_i32gather_pd(_mm256_loadu_si256((const __m256i *)(const void *)(offset)), (p), 8)

#else

typedef __m256d vn_vd;
enum { W = 4, VN_ROWS = 4 };
#define vn_load(p) _mm256_loadu_pd(p)
#define vn_store(p, v) _mm256_storeu_pd((p), (v))
#define vn_set1(s) _mm256_set1_pd(s)
#define vn_fma(a, b, c) _mm256_fmadd_pd((a), (b), (c))
#define vn_fnma(a, b, c) _mm256_fnmadd_pd((a), (b), (c))
#define vn_min(a, b) _mm256_min_pd((a), (b))
#define vn_sqrt(a) _mm256_sqrt_pd(a)
#define vn_gather(p, offset)                                                                       \
    _mm256_i32gather_pd((p), _mm_loadu_si128((const __m128i *)(const void *)(offset)), 8)

#endif

/* y = w·x for `rows` <= VN_ROWS rows. w: rows `in` apart; x: [in][3][W]; y: [rows][3][W] */
static inline __attribute__((always_inline)) void vn_tile(const int rows, const double *w,
                                                          int64_t in, const double *x, double *y)
{
    vn_vd sum[VN_ROWS][3];
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
        sum[r][0] = sum[r][1] = sum[r][2] = vn_set1(0.0);
    }
    for (int64_t c = 0; c < in; c++, x += 3 * W) {
        const vn_vd x0 = vn_load(x), x1 = vn_load(x + W), x2 = vn_load(x + 2 * W);
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            const vn_vd weight = vn_set1(w[r * in + c]);
            sum[r][0] = vn_fma(weight, x0, sum[r][0]);
            sum[r][1] = vn_fma(weight, x1, sum[r][1]);
            sum[r][2] = vn_fma(weight, x2, sum[r][2]);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
        vn_store(y + (r * 3 + 0) * W, sum[r][0]);
        vn_store(y + (r * 3 + 1) * W, sum[r][1]);
        vn_store(y + (r * 3 + 2) * W, sum[r][2]);
    }
}

/* y = w·x. w: [rows, in]; x: [in][3][W]; y: [rows][3][W] */
static inline void vn_product(const double *w, int64_t rows, int64_t in, const double *x, double *y)
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
static inline vn_vd vn_scale(const double *p, int64_t channels)
{
    vn_vd squares[3] = {vn_set1(0.0), vn_set1(0.0), vn_set1(0.0)};
    for (int64_t c = 0; c < channels; c++) {
        for (int i = 0; i < 3; i++) {
            const vn_vd v = vn_load(p + (3 * c + i) * W);
            squares[i] = vn_fma(v, v, squares[i]);
        }
    }
    const vn_vd mean = (squares[0] + squares[1] + squares[2]) / vn_set1((double)(3 * channels));
    return vn_set1(1.0) / vn_sqrt(mean + vn_set1(ALM_VN_EPS));
}

/* p·scale·norm[c] bent along d: what lies against d is shortened. p: [channels][3][W]; d the same,
 * or [1][3][W] for all channels; norm: [channels]. Adds to y or writes it; y may be p. */
static inline __attribute__((always_inline)) void vn_bend(const double *p, const double *d,
                                                          bool shared, const double *norm,
                                                          vn_vd scale, int64_t channels,
                                                          const bool add, double *y)
{
    const vn_vd eps = vn_set1(ALM_VN_EPS), rest = vn_set1(1.0 - ALM_VN_SLOPE);
    for (int64_t c = 0; c < channels; c++) {
        const double *at = p + 3 * c * W, *along = shared ? d : d + 3 * c * W;
        const vn_vd gain = scale * vn_set1(norm[c]);
        vn_vd v[3], u[3], s = vn_set1(0.0), dd = eps;
        for (int i = 0; i < 3; i++) {
            v[i] = vn_load(at + i * W) * gain;
            u[i] = vn_load(along + i * W);
            s = vn_fma(v[i], u[i], s);
            dd = vn_fma(u[i], u[i], dd);
        }
        /* 0.2·p + 0.8·(p − s/(dd + eps)·d) = p − 0.8·s/(dd + eps)·d where s < 0, else p */
        const vn_vd factor = rest * vn_min(s, vn_set1(0.0)) / dd;
        for (int i = 0; i < 3; i++) {
            double *to = y + (3 * c + i) * W;
            v[i] = vn_fnma(factor, u[i], v[i]);
            if (add) {
                v[i] = vn_load(to) + v[i];
            }
            vn_store(to, v[i]);
        }
    }
}

/* Widens n weights. */
static inline void vn_widen(const alm_tensor *weight, int64_t n, double *out)
{
    if (weight->desc.dtype == ALM_DTYPE_BF16) {
        for (int64_t i = 0; i < n; i++) {
            out[i] = (double)alm_bf16_to_f32(((const alm_bf16 *)weight->data)[i]);
        }
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        out[i] = (double)((const float *)weight->data)[i];
    }
}

/* Numbers of a row into a lane of x [n][W]. */
static inline void vn_load_lane(const float *row, int64_t n, int lane, double *x)
{
    for (int64_t c = 0; c < n; c++) {
        x[c * W + lane] = (double)row[c];
    }
}

#endif
