/* Weighted sums of table rows: the bilinear position embedding (qwen3vl.md 2.2).
 *
 * in 0   index   I32 [N, J], each in [0, T)
 * in 1   weight  F32 [N, J]
 * in 2   table   weight [T, C]
 * out 0  f32 [N, C]: sum over j of weight[n, j]·table[index[n, j]], j ascending
 */
#ifndef ALM_KERNELS_WEIGHTED_GATHER_H
#define ALM_KERNELS_WEIGHTED_GATHER_H

#include "kernels/core/op.h"

alm_status alm_weighted_gather_f32_ref(const alm_exec *x, const alm_op_args *a);

#endif
