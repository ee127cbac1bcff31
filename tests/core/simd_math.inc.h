/* The body of simd_math_avx2.c and simd_math_avx512.c. */
#include "kernels/core/simd_math.h"
#include "tests/core/simd_math.h"

static alm_vf apply(int function, alm_vf x)
{
    switch (function) {
    case SIMD_EXP: return alm_vf_exp(x);
    case SIMD_SIGMOID: return alm_vf_sigmoid(x);
    case SIMD_TANH: return alm_vf_tanh(x);
    case SIMD_ERF: return alm_vf_erf(x);
    case SIMD_SILU: return alm_vf_silu(x);
    case SIMD_GELU_ERF: return alm_vf_gelu_erf(x);
    default: return alm_vf_gelu_tanh(x);
    }
}

void ALM_SIMD_NAME(alm_test_simd)(int function, const float *x, int n, float *out)
{
    for (int i = 0; i < n; i += ALM_VF_WIDTH) {
        alm_vf_store(out + i, apply(function, alm_vf_load(x + i)));
    }
}
