/* Mean over the rows, summed in double in the order of the rows. No rows in use: zeros.
 *
 * in 0   x  F32 [N, ...]
 * out 0  f32 [1, ...]
 */
#ifndef ALM_KERNELS_MEAN_ROWS_H
#define ALM_KERNELS_MEAN_ROWS_H

#include "kernels/core/op.h"

alm_status alm_mean_rows_f32_ref(const alm_exec *x, const alm_op_args *a);

/* mean_rows_simd.inc.h */
alm_status alm_mean_rows_f32_avx512(const alm_exec *x, const alm_op_args *a);
alm_status alm_mean_rows_f32_avx2(const alm_exec *x, const alm_op_args *a);

#endif
