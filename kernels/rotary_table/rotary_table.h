/* Cosines and sines of rotary angles, made in double and rounded once (assemlm2.md 7).
 *
 * in 0   position   I32 [N, A]
 * in 1   frequency  F64 [F]
 * in 2   axis       I32 [F], each in [0, A)
 * out 0  cos  f32 [N, F]: cos(position[n, axis[f]]·frequency[f])
 * out 1  sin  f32 [N, F]
 */
#ifndef ALM_KERNELS_ROTARY_TABLE_H
#define ALM_KERNELS_ROTARY_TABLE_H

#include "kernels/core/op.h"

alm_status alm_rotary_table_f32_ref(const alm_exec *x, const alm_op_args *a);

#endif
