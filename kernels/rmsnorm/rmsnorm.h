/* Root-mean-square normalisation over the last dimension (qwen3vl.md 3.2).
 *
 * in 0   x       F32 [N, C], packed
 * in 1   weight  weight [C]
 * out 0          F32 or BF16 [N, C]: x / sqrt(mean(x²) + eps) · weight; BF16 is rounded once, at
 *                the end
 */
#ifndef ALM_KERNELS_RMSNORM_H
#define ALM_KERNELS_RMSNORM_H

#include "kernels/core/op.h"

typedef struct alm_rmsnorm_attr {
    double eps;
} alm_rmsnorm_attr;

alm_status alm_rmsnorm_f32_ref(const alm_exec *x, const alm_op_args *a);
alm_status alm_rmsnorm_f32_avx2(const alm_exec *x, const alm_op_args *a);
alm_status alm_rmsnorm_f32_avx512(const alm_exec *x, const alm_op_args *a);

#endif
