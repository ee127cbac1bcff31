/* out = a + b.
 *
 * in 0   a  F32 [N, C]
 * in 1   b  F32 [N, C]
 * out 0  f32 [N, C]; may take the buffer of a
 */
#ifndef ALM_KERNELS_ADD_H
#define ALM_KERNELS_ADD_H

#include "kernels/core/op.h"

alm_status alm_add_f32_ref(const alm_exec *x, const alm_op_args *a);

#endif
