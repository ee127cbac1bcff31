/* What kernels that normalise rows share: sums in double, and weights of either type as vectors of
 * floats. Orders of summation depend on the length only. */
#ifndef ALM_KERNELS_CORE_SIMD_ROWS_H
#define ALM_KERNELS_CORE_SIMD_ROWS_H

#include "kernels/core/numeric.h"
#include "kernels/core/simd.h"

#if defined(__AVX512F__)
typedef __m512d alm_vd;
#define alm_vd_set1(s) _mm512_set1_pd(s)
#define alm_vd_fma(a, b, c) _mm512_fmadd_pd((a), (b), (c))
#define alm_vd_sum(a) _mm512_reduce_add_pd(a)
#define alm_vd_low(v) _mm512_cvtps_pd(_mm512_castps512_ps256(v))
#define alm_vd_high(v) _mm512_cvtps_pd(_mm512_extractf32x8_ps((v), 1))
#else
typedef __m256d alm_vd;
#define alm_vd_set1(s) _mm256_set1_pd(s)
#define alm_vd_fma(a, b, c) _mm256_fmadd_pd((a), (b), (c))
#define alm_vd_sum(a) (((a)[0] + (a)[2]) + ((a)[1] + (a)[3]))
#define alm_vd_low(v) _mm256_cvtps_pd(_mm256_castps256_ps128(v))
#define alm_vd_high(v) _mm256_cvtps_pd(_mm256_extractf128_ps((v), 1))
#endif

/* Σ x[i] of n elements. */
static inline double alm_row_sum(const float *x, int64_t n)
{
    alm_vd low = alm_vd_set1(0.0), high = low;
    int64_t i = 0;
    for (; i + ALM_VF_WIDTH <= n; i += ALM_VF_WIDTH) {
        const alm_vf v = alm_vf_load(x + i);
        low += alm_vd_low(v);
        high += alm_vd_high(v);
    }
    double sum = alm_vd_sum(low + high);
    for (; i < n; i++) {
        sum += (double)x[i];
    }
    return sum;
}

/* Σ (x[i] − shift)² of n elements. */
static inline double alm_row_squares(const float *x, int64_t n, double shift)
{
    const alm_vd by = alm_vd_set1(shift);
    alm_vd low = alm_vd_set1(0.0), high = low;
    int64_t i = 0;
    for (; i + ALM_VF_WIDTH <= n; i += ALM_VF_WIDTH) {
        const alm_vf v = alm_vf_load(x + i);
        const alm_vd a = alm_vd_low(v) - by, b = alm_vd_high(v) - by;
        low = alm_vd_fma(a, a, low);
        high = alm_vd_fma(b, b, high);
    }
    double sum = alm_vd_sum(low + high);
    for (; i < n; i++) {
        const double a = (double)x[i] - shift;
        sum += a * a;
    }
    return sum;
}

/* Elements i ... of a weight with n left from there: zeros behind the last. */
static inline alm_vf alm_vf_load_weight(bool is_bf16, const void *data, int64_t i, int64_t n)
{
    if (!is_bf16) {
        return alm_vf_load_n((const float *)data + i, n);
    }
    if (n >= ALM_VF_WIDTH) {
        return alm_vf_load_bf16((const alm_bf16 *)data + i);
    }
    float tail[ALM_VF_WIDTH] = {0};
    for (int64_t j = 0; j < n; j++) {
        tail[j] = alm_bf16_to_f32(((const alm_bf16 *)data)[i + j]);
    }
    return alm_vf_load(tail);
}

#endif
