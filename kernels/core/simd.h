/* Vectors of floats for the CPU kernels, 16 wide under AVX-512 and 8 wide under AVX2.
 *
 * Only files that are compiled for one of these (*_avx512.c, *_avx2.c) include it; a kernel is
 * written once in terms of alm_vf and compiled for both. alm_vf is a GCC vector: + - * / work on
 * it. Fused multiply-adds are spelled out, the compiler contracts nothing. Loads and stores accept
 * any address.
 */
#ifndef ALM_KERNELS_CORE_SIMD_H
#define ALM_KERNELS_CORE_SIMD_H

#include <immintrin.h>
#include <stdint.h>

#if defined(__AVX512F__)

typedef __m512 alm_vf;
typedef __m512i alm_vi;
enum { ALM_VF_WIDTH = 16 };
#define ALM_SIMD_NAME(name) name##_avx512
#define ALM_SIMD_SUFFIX "avx512"
#define ALM_SIMD_ARCH ALM_CPU_AVX512

#define alm_vf_load(p) _mm512_loadu_ps(p)
#define alm_vf_store(p, v) _mm512_storeu_ps((p), (v))
#define alm_vf_set1(s) _mm512_set1_ps(s)
#define alm_vf_zero() _mm512_setzero_ps()
#define alm_vf_fma(a, b, c) _mm512_fmadd_ps((a), (b), (c))   /* a·b + c */
#define alm_vf_fnma(a, b, c) _mm512_fnmadd_ps((a), (b), (c)) /* c − a·b */
/* The second operand when one is NaN. */
#define alm_vf_max(a, b) _mm512_max_ps((a), (b))
#define alm_vf_min(a, b) _mm512_min_ps((a), (b))
#define alm_vf_sqrt(a) _mm512_sqrt_ps(a)
#define alm_vf_round(a) _mm512_roundscale_ps((a), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
#define alm_vf_bits(a) _mm512_castps_si512(a)
#define alm_vf_from_bits(a) _mm512_castsi512_ps(a)
#define alm_vf_sum(a) _mm512_reduce_add_ps(a) /* always in the same order */

static inline alm_vf alm_vf_abs(alm_vf a)
{
    return _mm512_andnot_ps(_mm512_set1_ps(-0.0f), a);
}

/* |a| with the sign of b; a is not negative. */
static inline alm_vf alm_vf_sign_of(alm_vf a, alm_vf b)
{
    return _mm512_or_ps(a, _mm512_and_ps(_mm512_set1_ps(-0.0f), b));
}

/* yes where a < b, no elsewhere. */
static inline alm_vf alm_vf_select_less(alm_vf a, alm_vf b, alm_vf yes, alm_vf no)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), no, yes);
}

/* v·2^n for whole n, rounded once. */
static inline alm_vf alm_vf_scale(alm_vf v, alm_vf n)
{
    return _mm512_scalef_ps(v, n);
}

/* The first n of 16 elements (n >= 16: all), zeros behind. */
static inline alm_vf alm_vf_load_n(const float *p, int64_t n)
{
    return _mm512_maskz_loadu_ps((__mmask16)(n >= 16 ? 0xFFFF : (1u << n) - 1u), p);
}

static inline void alm_vf_store_n(float *p, alm_vf v, int64_t n)
{
    _mm512_mask_storeu_ps(p, (__mmask16)(n >= 16 ? 0xFFFF : (1u << n) - 1u), v);
}

/* 16 bf16, widened. */
static inline alm_vf alm_vf_load_bf16(const uint16_t *p)
{
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

#elif defined(__AVX2__)

typedef __m256 alm_vf;
typedef __m256i alm_vi;
enum { ALM_VF_WIDTH = 8 };
#define ALM_SIMD_NAME(name) name##_avx2
#define ALM_SIMD_SUFFIX "avx2"
#define ALM_SIMD_ARCH ALM_CPU_AVX2

#define alm_vf_load(p) _mm256_loadu_ps(p)
#define alm_vf_store(p, v) _mm256_storeu_ps((p), (v))
#define alm_vf_set1(s) _mm256_set1_ps(s)
#define alm_vf_zero() _mm256_setzero_ps()
#define alm_vf_fma(a, b, c) _mm256_fmadd_ps((a), (b), (c))
#define alm_vf_fnma(a, b, c) _mm256_fnmadd_ps((a), (b), (c))
#define alm_vf_max(a, b) _mm256_max_ps((a), (b))
#define alm_vf_min(a, b) _mm256_min_ps((a), (b))
#define alm_vf_sqrt(a) _mm256_sqrt_ps(a)
#define alm_vf_round(a) _mm256_round_ps((a), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
#define alm_vf_bits(a) _mm256_castps_si256(a)
#define alm_vf_from_bits(a) _mm256_castsi256_ps(a)

static inline float alm_vf_sum(alm_vf a)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

static inline alm_vf alm_vf_abs(alm_vf a)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}

static inline alm_vf alm_vf_sign_of(alm_vf a, alm_vf b)
{
    return _mm256_or_ps(a, _mm256_and_ps(_mm256_set1_ps(-0.0f), b));
}

static inline alm_vf alm_vf_select_less(alm_vf a, alm_vf b, alm_vf yes, alm_vf no)
{
    return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}

/* In two steps of which the first is exact: |n| <= 250, |v| near 1. */
static inline alm_vf alm_vf_scale(alm_vf v, alm_vf n)
{
    const __m256i all = _mm256_cvtps_epi32(n);
    const __m256i half = _mm256_srai_epi32(all, 1);
    const __m256i bias = _mm256_set1_epi32(127);
    const __m256i rest = _mm256_sub_epi32(all, half);
    const __m256i a = _mm256_slli_epi32(_mm256_add_epi32(half, bias), 23);
    const __m256i b = _mm256_slli_epi32(_mm256_add_epi32(rest, bias), 23);
    return v * _mm256_castsi256_ps(a) * _mm256_castsi256_ps(b);
}

static inline __m256i alm_vf_first_n(int64_t n)
{
    const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n >= 8 ? 8 : (int)n), index);
}

static inline alm_vf alm_vf_load_n(const float *p, int64_t n)
{
    return _mm256_maskload_ps(p, alm_vf_first_n(n));
}

static inline void alm_vf_store_n(float *p, alm_vf v, int64_t n)
{
    _mm256_maskstore_ps(p, alm_vf_first_n(n), v);
}

static inline alm_vf alm_vf_load_bf16(const uint16_t *p)
{
    const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}

#else
#error "kernels/core/simd.h: only for files that are compiled for AVX2 or AVX-512"
#endif

#endif
