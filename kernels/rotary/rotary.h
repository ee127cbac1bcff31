/* Rotary position embedding of the first heads of a row, after an optional RMS normalisation of
 * each head (qwen3vl.md 2.3, 3.3, 3.4): channel i of a head turns with channel i + d/2.
 *
 * in 0   x     F32 or BF16 [N, W], packed, W >= heads·head_dim; columns behind heads·head_dim pass
 *              through
 * in 1   cos   F32 [N, head_dim/2]
 * in 2   sin   F32 [N, head_dim/2]
 * in 3   norm  weight [head_dim], optional: x of each head ← x / sqrt(mean(x²) + eps)·norm first
 * out 0        F32 or BF16 [N, W], not necessarily the type of x: (a·cos - b·sin, b·cos + a·sin) of
 *              the halves a, b, norm and rotation in float32 (at least), a BF16 result rounded once
 *              at the end; may take the buffer of x when the types are equal
 */
#ifndef ALM_KERNELS_ROTARY_H
#define ALM_KERNELS_ROTARY_H

#include "kernels/core/op.h"

typedef struct alm_rotary_attr {
    int heads;
    int head_dim; /* even */
    double eps;   /* of the normalisation */
} alm_rotary_attr;

alm_status alm_rotary_f32_ref(const alm_exec *x, const alm_op_args *a);
alm_status alm_rotary_f32_avx2(const alm_exec *x, const alm_op_args *a);
alm_status alm_rotary_f32_avx512(const alm_exec *x, const alm_op_args *a);

#endif
