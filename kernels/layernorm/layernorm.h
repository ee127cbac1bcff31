/* Layer normalisation over the last dimension, biased variance, all in float32 (qwen3vl.md 2.4,
 * assemlm2.md 3).
 *
 * in 0   x       F32 [N, C], packed
 * in 1   weight  weight [C]
 * in 2   bias    weight [C]
 * out 0          F32 or BF16 [N, C]: (x - mean) / sqrt(var + eps) · weight + bias; a BF16 result is
 *                rounded once at the end
 */
#ifndef ALM_KERNELS_LAYERNORM_H
#define ALM_KERNELS_LAYERNORM_H

#include "kernels/core/op.h"

typedef struct alm_layernorm_attr {
    double eps;
} alm_layernorm_attr;

alm_status alm_layernorm_f32_ref(const alm_exec *x, const alm_op_args *a);
alm_status alm_layernorm_f32_avx2(const alm_exec *x, const alm_op_args *a);
alm_status alm_layernorm_f32_avx512(const alm_exec *x, const alm_op_args *a);

#endif
