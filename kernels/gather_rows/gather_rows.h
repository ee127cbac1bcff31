/* out[i] = x[index[i]]. Indices past the rows in use of x are clamped to the last one.
 *
 * in 0   x      F32 [N, ...]
 * in 1   index  I32 [P]
 * out 0  f32 [P, ...]
 */
#ifndef ALM_KERNELS_GATHER_ROWS_H
#define ALM_KERNELS_GATHER_ROWS_H

#include "kernels/core/op.h"

alm_status alm_gather_rows_f32_ref(const alm_exec *x, const alm_op_args *a);

#endif
