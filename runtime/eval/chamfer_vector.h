/* Vectors of floats for nearest distances: those of kernels/core/simd.h, and four lanes of SSE2,
 * which every x86-64 has. */
#ifndef ALM_RUNTIME_EVAL_CHAMFER_VECTOR_H
#define ALM_RUNTIME_EVAL_CHAMFER_VECTOR_H

#if defined(__AVX2__)
#include "kernels/core/simd.h"
#else

#include <immintrin.h>

typedef __m128 alm_vf;
enum { ALM_VF_WIDTH = 4 };
#define ALM_SIMD_NAME(name) name##_sse2
#define alm_vf_load(p) _mm_loadu_ps(p)
#define alm_vf_store(p, v) _mm_storeu_ps((p), (v))
#define alm_vf_set1(s) _mm_set1_ps(s)
#define alm_vf_zero() _mm_setzero_ps()
#define alm_vf_max(a, b) _mm_max_ps((a), (b))
#define alm_vf_min(a, b) _mm_min_ps((a), (b))

static inline alm_vf alm_vf_select_less(alm_vf a, alm_vf b, alm_vf yes, alm_vf no)
{
    const alm_vf less = _mm_cmplt_ps(a, b);
    return _mm_or_ps(_mm_and_ps(less, yes), _mm_andnot_ps(less, no));
}

#endif

static inline __m128 almi_fold_max(__m128 v)
{
    v = _mm_max_ps(v, _mm_movehl_ps(v, v));
    return _mm_max_ss(v, _mm_shuffle_ps(v, v, 1));
}

static inline __m128 almi_fold_min(__m128 v)
{
    v = _mm_min_ps(v, _mm_movehl_ps(v, v));
    return _mm_min_ss(v, _mm_shuffle_ps(v, v, 1));
}

#if defined(__AVX512F__)

static inline __m256 almi_upper(__m512 v)
{
    return _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(v), 1));
}

static inline float almi_largest(alm_vf v)
{
    const __m256 w = _mm256_max_ps(_mm512_castps512_ps256(v), almi_upper(v));
    return _mm_cvtss_f32(
        almi_fold_max(_mm_max_ps(_mm256_castps256_ps128(w), _mm256_extractf128_ps(w, 1))));
}

static inline float almi_smallest(alm_vf v)
{
    const __m256 w = _mm256_min_ps(_mm512_castps512_ps256(v), almi_upper(v));
    return _mm_cvtss_f32(
        almi_fold_min(_mm_min_ps(_mm256_castps256_ps128(w), _mm256_extractf128_ps(w, 1))));
}

/* Whether some lane of a is below that of b. */
static inline int almi_any_less(alm_vf a, alm_vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ) != 0;
}

#elif defined(__AVX2__)

static inline float almi_largest(alm_vf v)
{
    return _mm_cvtss_f32(
        almi_fold_max(_mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1))));
}

static inline float almi_smallest(alm_vf v)
{
    return _mm_cvtss_f32(
        almi_fold_min(_mm_min_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1))));
}

static inline int almi_any_less(alm_vf a, alm_vf b)
{
    return _mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_LT_OQ)) != 0;
}

#else

static inline float almi_largest(alm_vf v)
{
    return _mm_cvtss_f32(almi_fold_max(v));
}

static inline float almi_smallest(alm_vf v)
{
    return _mm_cvtss_f32(almi_fold_min(v));
}

static inline int almi_any_less(alm_vf a, alm_vf b)
{
    return _mm_movemask_ps(_mm_cmplt_ps(a, b)) != 0;
}

#endif

#endif
