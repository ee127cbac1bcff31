/* The four branches of the bridge (assemlm2.md 3): patches as they are and in the frame of their
 * cloud. Products in double, rounded once.
 *
 * in 0   fixed_patch   F32 [P, F, 3]
 * in 1   fixed_frame   F32 [3, 3]
 * in 2   moving_patch  F32 [P, F, 3]
 * in 3   moving_frame  F32 [3, 3]
 * out 0  f32 [4P, 3F]: fixed, fixed·frame, moving, moving·frame (row vector times matrix), xyz
 *        fastest
 */
#ifndef ALM_KERNELS_BRANCH_TOKENS_H
#define ALM_KERNELS_BRANCH_TOKENS_H

#include "kernels/core/op.h"

alm_status alm_branch_tokens_f32_ref(const alm_exec *x, const alm_op_args *a);

#endif
