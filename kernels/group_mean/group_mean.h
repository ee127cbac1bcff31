/* Mean of the features of each patch (assemlm2.md 2), summed in double in the order of the index.
 *
 * in 0   x      F32 [N, ...]
 * in 1   index  I32 [P, k], k >= 1, each in [0, N): refused when it runs otherwise
 * out 0  f32 [P, ...]
 */
#ifndef ALM_KERNELS_GROUP_MEAN_H
#define ALM_KERNELS_GROUP_MEAN_H

#include "kernels/core/op.h"

alm_status alm_group_mean_f32_ref(const alm_exec *x, const alm_op_args *a);

/* group_mean_simd.inc.h */
alm_status alm_group_mean_f32_avx512(const alm_exec *x, const alm_op_args *a);
alm_status alm_group_mean_f32_avx2(const alm_exec *x, const alm_op_args *a);

#endif
