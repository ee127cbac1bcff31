/* The elementary functions of the kernels against libm in double, over the whole range of floats,
 * and the two widths against each other. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "tests/core/simd_math.h"
#include "tests/shim/alm_test.h"

typedef void vector_fn(int function, const float *x, int n, float *out);

enum { CHUNK = 4096 };

static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static const char *const names[SIMD_FUNCTIONS] = {"exp",  "sigmoid",  "tanh",     "erf",
                                                  "silu", "gelu_erf", "gelu_tanh"};

/* *scale: the size in whose last place the error counts. It is |v|, but for the functions that add
 * 1 to an odd function it is |x|/2, the larger of the terms. */
static double exact(int function, double x, double *scale)
{
    static const double root_half = 0.70710678118654752440;
    static const double root_two_over_pi = 0.79788456080286535588;
    double v = 0;
    switch (function) {
    case SIMD_EXP: v = exp(x); break;
    case SIMD_SIGMOID: v = 1 / (1 + exp(-x)); break;
    case SIMD_TANH: v = tanh(x); break;
    case SIMD_ERF: v = erf(x); break;
    case SIMD_SILU: v = x / (1 + exp(-x)); break;
    case SIMD_GELU_ERF: v = 0.5 * x * (1 + erf(x * root_half)); break;
    default: v = 0.5 * x * (1 + tanh(root_two_over_pi * (x + 0.044715 * x * x * x))); break;
    }
    *scale = function >= SIMD_GELU_ERF ? fabs(x) / 2 : fabs(v);
    return v;
}

/* Every 3,001st float. Where 1/(1 + e^−x) leaves the normal floats it may be 0: there the error
 * must be below the smallest normal float (times |x| where that is a factor). */
static void check_function(int function, vector_fn *run)
{
    static float x[CHUNK], got[CHUNK];
    const double smallest = 0x1p-126;
    double worst = 0;
    for (uint64_t bits = 0; bits < 0x7F800000u;) {
        for (int i = 0; i < CHUNK; i++, bits += i % 2 ? 0 : 3001) {
            const uint32_t word =
                (uint32_t)(bits < 0x7F800000u ? bits : 0x7F7FFFFFu) | (uint32_t)(i % 2) << 31;
            memcpy(&x[i], &word, sizeof word);
        }
        run(function, x, CHUNK, got);
        for (int i = 0; i < CHUNK; i++) {
            double scale;
            const double want = exact(function, (double)x[i], &scale);
            if (fabs(want) > (double)0x1.fffffep+127f) {
                ALM_CHECK(isinf(got[i]));
                continue;
            }
            int exponent;
            frexp(scale > smallest ? scale : smallest, &exponent);
            const double units = fabs((double)got[i] - want) / ldexp(1, exponent - 24);
            const bool tiny = fabs((double)got[i] - want) <= smallest * fmax(1, fabs((double)x[i]));
            if (!(units <= 2.5 || tiny)) {
                ALM_FAIL("%s(%a) = %a, expected %a: %g units", names[function], (double)x[i],
                         (double)got[i], want, units);
                return;
            }
            worst = tiny ? worst : fmax(worst, units);
        }
    }
    ALM_CHECK(worst > 0.1);
}

ALM_TEST(simd_math, accuracy)
{
    for (int f = 0; f < SIMD_FUNCTIONS; f++) {
        if (has_avx2()) {
            check_function(f, alm_test_simd_avx2);
        }
        if (has_avx512()) {
            check_function(f, alm_test_simd_avx512);
        }
    }
}

ALM_TEST(simd_math, special_values)
{
    static const float x[16] = {NAN, INFINITY, -INFINITY, 0.0f, -0.0f, 200.0f, -200.0f};
    vector_fn *const run[] = {has_avx2() ? alm_test_simd_avx2 : NULL,
                              has_avx512() ? alm_test_simd_avx512 : NULL};
    for (int i = 0; i < 2; i++) {
        float got[SIMD_FUNCTIONS][16];
        for (int f = 0; run[i] && f < SIMD_FUNCTIONS; f++) {
            run[i](f, x, 16, got[f]);
            ALM_CHECK(isnan(got[f][0]));
        }
        if (!run[i]) {
            continue;
        }
        ALM_CHECK(isinf(got[SIMD_EXP][1]) && got[SIMD_EXP][2] == 0 && got[SIMD_EXP][3] == 1);
        ALM_CHECK(isinf(got[SIMD_EXP][5]) && got[SIMD_EXP][6] == 0);
        ALM_CHECK(got[SIMD_SIGMOID][1] == 1 && got[SIMD_SIGMOID][2] == 0);
        ALM_CHECK(got[SIMD_TANH][1] == 1 && got[SIMD_TANH][2] == -1 && got[SIMD_TANH][3] == 0);
        ALM_CHECK(got[SIMD_ERF][1] == 1 && got[SIMD_ERF][2] == -1 && got[SIMD_ERF][3] == 0);
        ALM_CHECK(signbit(got[SIMD_TANH][4]) && signbit(got[SIMD_ERF][4]));
        ALM_CHECK(got[SIMD_SILU][5] == 200 && got[SIMD_SILU][6] == 0);
        ALM_CHECK(got[SIMD_GELU_ERF][5] == 200 && got[SIMD_GELU_ERF][6] == 0);
        ALM_CHECK(got[SIMD_GELU_TANH][5] == 200 && got[SIMD_GELU_TANH][6] == 0);
    }
}

/* linear promises the same bits on both; NaN is left out, its bits are not promised. */
ALM_TEST(simd_math, widths_agree)
{
    if (!has_avx2() || !has_avx512()) {
        ALM_SKIP("this CPU has not both AVX2 and AVX-512");
    }
    static float x[CHUNK], narrow[CHUNK], wide[CHUNK];
    for (int f = 0; f < SIMD_FUNCTIONS; f++) {
        for (int i = 0; i < CHUNK; i++) {
            x[i] = ((float)i - CHUNK / 2) * (i % 3 ? 0.0013f : 0.061f);
        }
        alm_test_simd_avx2(f, x, CHUNK, narrow);
        alm_test_simd_avx512(f, x, CHUNK, wide);
        ALM_CHECK(memcmp(narrow, wide, sizeof wide) == 0);
    }
}
