/* out[i] = x[index[i]]. Indices past the rows in use of x are clamped to the last one.
 *
 * in 0   x      F32 or BF16 [N, ...]
 * in 1   index  I32 [P]
 * out 0         F32 or BF16 [P, ...], whatever the type of x: widened exactly or rounded once
 */
#ifndef ALM_KERNELS_GATHER_ROWS_H
#define ALM_KERNELS_GATHER_ROWS_H

#include "kernels/core/op.h"

alm_status alm_gather_rows_f32_ref(const alm_exec *x, const alm_op_args *a);

#endif
