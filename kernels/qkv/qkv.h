/* Queries, keys and values of an attention layer in one pass (qwen3vl.md 2.4, 3.4): three linear
 * layers on the same rows, each head of the queries and keys normalised and turned as in rotary.h,
 * keys and values placed behind those that are there as in place_rows.h. graph/fuse_qkv.h makes it
 * of the single operations.
 *
 * in 0         x            F32 or BF16 [N, K]; rows may lie further apart than K
 * in 1, 2, 3   wq, wk, wv   weights [Q, K], [C, K], [C, K]
 * in 4, 5, 6   bq, bk, bv   weights [Q], [C], [C]; all or none
 * in 7, 8      cos, sin     F32 [N, head_dim/2]
 * in 9, 10     q_norm, k_norm   weights [head_dim]; both or none
 * in 11, 12    keys, values F32 or BF16 [M, C], packed; with in 13, offset I32 [1]; all or none:
 *              offset + rows in use <= M, refused when it runs otherwise
 * in 14        row          I32 [1], optional: the only row whose queries are wanted; past the rows
 *                           in use it stands for the last one
 * out 0        q            F32 or BF16 [N, Q]; with row [1, Q]
 * out 1, 2     k, v         F32 or BF16 [N, C]; with states their rows in use, the new ones from
 *                           offset on; may be the buffers of the states, then the others stay
 *
 * Q and C are multiples of head_dim. Everything in between is float32; a result is rounded once.
 */
#ifndef ALM_KERNELS_QKV_H
#define ALM_KERNELS_QKV_H

#include "kernels/core/op.h"

typedef struct alm_qkv_attr {
    int head_dim; /* even */
    double eps;   /* of the normalisation */
} alm_qkv_attr;

enum {
    ALM_QKV_X,
    ALM_QKV_WEIGHT,
    ALM_QKV_BIAS = 4,
    ALM_QKV_COS = 7,
    ALM_QKV_SIN,
    ALM_QKV_NORM,
    ALM_QKV_STATE = 11,
    ALM_QKV_OFFSET = 13,
    ALM_QKV_ROW,
    ALM_QKV_INPUTS
};

/* The kernel that an operation has for the arguments; NULL: none. */
typedef const alm_kernel *alm_qkv_choose(const alm_op_def *op, const alm_op_args *a,
                                         const alm_device *device);

/* By the kernels of gather_rows, linear, rotary and place_rows that `choose` gives, one after
 * another. */
alm_status alm_qkv_compose(const alm_exec *x, const alm_op_args *a, alm_qkv_choose *choose);
size_t alm_qkv_compose_workspace(const alm_op_args *a, const alm_device *device,
                                 alm_qkv_choose *choose);
enum { ALM_QKV_COMPOSE_LAUNCHES = 7 }; /* three more with row */

/* By their references. */
alm_status alm_qkv_f32_ref(const alm_exec *x, const alm_op_args *a);
size_t alm_qkv_workspace_ref(const alm_op_args *a, const alm_device *device);

#endif
