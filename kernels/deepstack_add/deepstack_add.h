/* DeepStack: image rows add the vision tower's features, point rows the bridge's (assemlm2.md 4).
 *
 * in 0   h       F32 [N, D]
 * in 1   source  I32 [N, 2] as in token_embed
 * in 2   image   F32 [I, D], optional
 * in 3   point   F32 [Q, D], optional
 * out 0  f32 [N, D]; may take the buffer of h
 */
#ifndef ALM_KERNELS_DEEPSTACK_ADD_H
#define ALM_KERNELS_DEEPSTACK_ADD_H

#include "kernels/core/op.h"

alm_status alm_deepstack_add_f32_ref(const alm_exec *x, const alm_op_args *a);

#endif
