/* The vector functions of kernels/core/simd_math.h over arrays, compiled once for each width. */
#ifndef ALM_TESTS_CORE_SIMD_MATH_H
#define ALM_TESTS_CORE_SIMD_MATH_H

enum { SIMD_EXP, SIMD_SIGMOID, SIMD_TANH, SIMD_ERF, SIMD_SILU, SIMD_GELU_ERF, SIMD_GELU_TANH };
enum { SIMD_FUNCTIONS = SIMD_GELU_TANH + 1 };

/* out[i] = function(x[i]); n is a multiple of 16. */
void alm_test_simd_avx2(int function, const float *x, int n, float *out);
void alm_test_simd_avx512(int function, const float *x, int n, float *out);

#endif
