/* exp, tanh, erf, the logistic function and the activations made of them, on vectors of floats.
 *
 * Within 2.5 units in the last place of the float64 value (tests/core/test_simd_math.c), NaN stays
 * NaN, no branch. The polynomials are minimax fits (Remez, 40 digits, rounded to float32); the
 * error of each stands beside it. Every step is one IEEE operation, so AVX2 and AVX-512 give equal
 * bits.
 */
#ifndef ALM_KERNELS_CORE_SIMD_MATH_H
#define ALM_KERNELS_CORE_SIMD_MATH_H

#include "kernels/core/simd.h"

/* x = n·ln 2 + r with |r| <= 0.3466; *whole = n, returns e^r − 1. */
static inline alm_vf alm_vf_exp_reduced(alm_vf x, alm_vf *whole)
{
    const alm_vf n = alm_vf_round(x * alm_vf_set1(0x1.715476p+0f));
    /* ln 2 in two parts: the first has 16 bits, so that n·part is exact. */
    alm_vf r = alm_vf_fnma(n, alm_vf_set1(0x1.62e4p-1f), x);
    r = alm_vf_fnma(n, alm_vf_set1(0x1.7f7d1cp-20f), r);
    /* (e^r − 1 − r)/r²; the whole is off by 1.4e-8 of e^r − 1. */
    alm_vf q = alm_vf_set1(0x1.6d99bep-10f);
    q = alm_vf_fma(q, r, alm_vf_set1(0x1.122880p-7f));
    q = alm_vf_fma(q, r, alm_vf_set1(0x1.555486p-5f));
    q = alm_vf_fma(q, r, alm_vf_set1(0x1.5554aep-3f));
    q = alm_vf_fma(q, r, alm_vf_set1(0.5f));
    *whole = n;
    return alm_vf_fma(r * r, q, r);
}

/* e^x; 0 below −104 and infinity above 89. */
static inline alm_vf alm_vf_exp(alm_vf x)
{
    x = alm_vf_min(alm_vf_set1(89.0f), alm_vf_max(alm_vf_set1(-104.0f), x));
    alm_vf n;
    const alm_vf p = alm_vf_exp_reduced(x, &n);
    return alm_vf_scale(p + alm_vf_set1(1.0f), n);
}

/* 1/(1 + e^−x). */
static inline alm_vf alm_vf_sigmoid(alm_vf x)
{
    const alm_vf one = alm_vf_set1(1.0f);
    return one / (one + alm_vf_exp(-x));
}

/* tanh|x| = m/(m + 2) with m = e^2|x| − 1, which is accurate near 0 too. */
static inline alm_vf alm_vf_tanh(alm_vf x)
{
    const alm_vf one = alm_vf_set1(1.0f);
    const alm_vf a = alm_vf_min(alm_vf_set1(10.0f), alm_vf_abs(x));
    alm_vf n;
    const alm_vf p = alm_vf_exp_reduced(a + a, &n);
    const alm_vf power = alm_vf_scale(one, n);
    const alm_vf m = alm_vf_fma(power, p, power - one);
    return alm_vf_sign_of(m / (m + alm_vf_set1(2.0f)), x);
}

/* erf x = x + x·P(x²) below 0.9, 1 − e^(−x·Q(x)) from there on; 1 from 4 on. */
static inline alm_vf alm_vf_erf(alm_vf x)
{
    const alm_vf a = alm_vf_min(alm_vf_set1(4.0f), alm_vf_abs(x));
    const alm_vf t = a * a;
    alm_vf p = alm_vf_set1(-0x1.406866p-11f); /* off by 1.2e-8 of erf x */
    p = alm_vf_fma(p, t, alm_vf_set1(0x1.48be5ap-8f));
    p = alm_vf_fma(p, t, alm_vf_set1(-0x1.b6cbacp-6f));
    p = alm_vf_fma(p, t, alm_vf_set1(0x1.ce1ec2p-4f));
    p = alm_vf_fma(p, t, alm_vf_set1(-0x1.812700p-2f));
    p = alm_vf_fma(p, t, alm_vf_set1(0x1.06eba6p-3f));
    const alm_vf small = alm_vf_fma(a, p, a);
    alm_vf q = alm_vf_set1(-0x1.c209c0p-13f); /* off by 3.1e-9 of erf x */
    q = alm_vf_fma(q, a, alm_vf_set1(0x1.a60c6ap-9f));
    q = alm_vf_fma(q, a, alm_vf_set1(-0x1.774ad8p-6f));
    q = alm_vf_fma(q, a, alm_vf_set1(0x1.af4144p-4f));
    q = alm_vf_fma(q, a, alm_vf_set1(0x1.457a64p-1f));
    q = alm_vf_fma(q, a, alm_vf_set1(0x1.20e6aep+0f));
    const alm_vf large = alm_vf_set1(1.0f) - alm_vf_exp(-(a * q));
    return alm_vf_sign_of(alm_vf_select_less(a, alm_vf_set1(0.9f), small, large), x);
}

/* x/(1 + e^−x). */
static inline alm_vf alm_vf_silu(alm_vf x)
{
    return x / (alm_vf_set1(1.0f) + alm_vf_exp(-x));
}

/* 0.5·x·(1 + erf(x/√2)). */
static inline alm_vf alm_vf_gelu_erf(alm_vf x)
{
    const alm_vf half = alm_vf_set1(0.5f) * x;
    return alm_vf_fma(half, alm_vf_erf(x * alm_vf_set1(0x1.6a09e6p-1f)), half);
}

/* 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))). */
static inline alm_vf alm_vf_gelu_tanh(alm_vf x)
{
    const alm_vf half = alm_vf_set1(0.5f) * x;
    const alm_vf cube = alm_vf_fma(x * x * x, alm_vf_set1(0.044715f), x);
    return alm_vf_fma(half, alm_vf_tanh(cube * alm_vf_set1(0x1.988454p-1f)), half);
}

#endif
