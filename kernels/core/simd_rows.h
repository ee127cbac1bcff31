/* What kernels that normalise rows share: sums in double, elements of either type (F32 or BF16) to
 * and from vectors of floats. Orders of summation depend on the length only. */
#ifndef ALM_KERNELS_CORE_SIMD_ROWS_H
#define ALM_KERNELS_CORE_SIMD_ROWS_H

#include <stdbool.h>

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

/* Elements i ... of a weight or an operand with n left from there: zeros behind the last. */
static inline alm_vf alm_vf_load_weight(bool is_bf16, const void *data, int64_t i, int64_t n)
{
    if (n >= ALM_VF_WIDTH) {
        return is_bf16 ? alm_vf_load_bf16((const alm_bf16 *)data + i)
                       : alm_vf_load((const float *)data + i);
    }
    if (!is_bf16) {
        return alm_vf_load_n((const float *)data + i, n);
    }
    float tail[ALM_VF_WIDTH] = {0};
    for (int64_t j = 0; j < n; j++) {
        tail[j] = alm_bf16_to_f32(((const alm_bf16 *)data)[i + j]);
    }
    return alm_vf_load(tail);
}

/* Rounds to nearest even as alm_bf16_from_f32 does; the bits are in the lower halves. */
static inline alm_vi alm_vf_round_bf16(alm_vf v)
{
#if defined(__AVX512F__)
    const __m512i bits = alm_vf_bits(v), high = _mm512_srli_epi32(bits, 16);
    const __m512i odd = _mm512_and_si512(high, _mm512_set1_epi32(1));
    const __m512i up = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7FFF)));
    const __m512i nan = _mm512_or_si512(high, _mm512_set1_epi32(0x40));
    return _mm512_mask_blend_epi32(_mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q),
                                   _mm512_srli_epi32(up, 16), nan);
#else
    const __m256i bits = alm_vf_bits(v), high = _mm256_srli_epi32(bits, 16);
    const __m256i odd = _mm256_and_si256(high, _mm256_set1_epi32(1));
    const __m256i up = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7FFF)));
    const __m256i nan = _mm256_or_si256(high, _mm256_set1_epi32(0x40));
    return _mm256_blendv_epi8(_mm256_srli_epi32(up, 16), nan,
                              _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q)));
#endif
}

static inline void alm_vf_store_bf16(alm_bf16 *p, alm_vf v)
{
    const alm_vi bits = alm_vf_round_bf16(v);
#if defined(__AVX512F__)
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtepi32_epi16(bits));
#else
    _mm_storeu_si128((__m128i *)p, _mm_packus_epi32(_mm256_castsi256_si128(bits),
                                                    _mm256_extracti128_si256(bits, 1)));
#endif
}

/* Elements i ... of a result with n left from there, rounded when it is BF16. */
static inline void alm_vf_store_value(bool is_bf16, void *data, int64_t i, alm_vf v, int64_t n)
{
    if (!is_bf16) {
        alm_vf_store_n((float *)data + i, v, n);
    } else if (n >= ALM_VF_WIDTH) {
        alm_vf_store_bf16((alm_bf16 *)data + i, v);
    } else {
        alm_bf16 all[ALM_VF_WIDTH];
        alm_vf_store_bf16(all, v);
        memcpy((alm_bf16 *)data + i, all, (size_t)n * sizeof *all);
    }
}

/* Σ (x[i] − shift)² of the n elements from `first` on. */
static inline double alm_row_squares(bool is_bf16, const void *x, int64_t first, int64_t n,
                                     double shift)
{
    const alm_vd by = alm_vd_set1(shift);
    alm_vd low = alm_vd_set1(0.0), high = low;
    int64_t i = 0;
    for (; i + ALM_VF_WIDTH <= n; i += ALM_VF_WIDTH) {
        const alm_vf v = alm_vf_load_weight(is_bf16, x, first + i, n - i);
        const alm_vd a = alm_vd_low(v) - by, b = alm_vd_high(v) - by;
        low = alm_vd_fma(a, a, low);
        high = alm_vd_fma(b, b, high);
    }
    double sum = alm_vd_sum(low + high);
    for (; i < n; i++) {
        const double a = (double)alm_weight_at(is_bf16, x, first + i) - shift;
        sum += a * a;
    }
    return sum;
}

#endif
