/* DeepStack features and the norm behind them in one pass: deepstack_add.h, then rmsnorm.h of the
 * sum. graph/fuse_deepstack.h makes it of the two.
 *
 * in 0   h       F32 [N, D], packed
 * in 1   source  I32 [N, 2] as in token_embed
 * in 2   weight  weight [D]: of the norm
 * in 3   image   F32 [I, D], optional
 * in 4   point   F32 [Q, D], optional
 * out 0  normed  F32 or BF16 [N, D]
 * out 1  sum     F32 [N, D]: h with the features
 */
#ifndef ALM_KERNELS_DEEPSTACK_NORM_H
#define ALM_KERNELS_DEEPSTACK_NORM_H

#include "kernels/core/op.h"
#include "kernels/rmsnorm/rmsnorm.h"

/* Attributes: alm_rmsnorm_attr. */

/* The two operations that it stands for; in: [4] and [2], filled. */
typedef struct alm_deepstack_norm_steps {
    alm_tensor sum_in[4], norm_in[2];
    alm_op_args sum, norm;
} alm_deepstack_norm_steps;

/* With a->out NULL (in check) the norm's x is h. */
void alm_deepstack_norm_split(const alm_op_args *a, alm_deepstack_norm_steps *out);

alm_status alm_deepstack_norm_f32_ref(const alm_exec *x, const alm_op_args *a);

#endif
