/* The pose head in float32 (assemlm2.md 5): LayerNorm, Linear, ReLU, blocks h +
 * ReLU(Linear(LayerNorm(h))), LayerNorm, Linear; eps 1e-5.
 *
 * in 0      x  F32 [1, D]
 * in 1…4    layer_norm1 weight [D], bias [D]; fc1 weight [H, D], bias [H]
 * in 5…     of each block: norm weight [H], bias [H]; linear weight [H, H], bias [H]
 * in last 4 layer_norm2 weight [H], bias [H]; fc2 weight [O, H], bias [O]
 * out 0  f32 [1, O]
 */
#ifndef ALM_KERNELS_POSE_HEAD_H
#define ALM_KERNELS_POSE_HEAD_H

#include "kernels/core/op.h"

#define ALM_POSE_HEAD_EPS 1e-5

enum { ALM_POSE_HEAD_MAX_BLOCKS = 60 };

/* D and H: the widest vector between two layers. */
int64_t alm_pose_head_width(const alm_op_args *a);

/* All in double. */
alm_status alm_pose_head_f32_ref(const alm_exec *x, const alm_op_args *a);
size_t alm_pose_head_workspace_ref(const alm_op_args *a, const alm_device *device);

/* The linear layers by the kernels of `linear`, the norms by the reference of `layernorm`. */
alm_status alm_pose_head_f32_avx512(const alm_exec *x, const alm_op_args *a);
size_t alm_pose_head_workspace_avx512(const alm_op_args *a, const alm_device *device);
alm_status alm_pose_head_f32_avx2(const alm_exec *x, const alm_op_args *a);
size_t alm_pose_head_workspace_avx2(const alm_op_args *a, const alm_device *device);

#endif
