/* Rows of the language model's input: from the table, from the vision tower, from the bridge
 * (assemlm2.md 4).
 *
 * in 0   source  I32 [N, 2]: alm_token_kind, and the row in that source (the token id for text)
 * in 1   table   weight [V, D]
 * in 2   image   F32 [I, D], optional: absent where no row comes from an image
 * in 3   point   F32 [Q, D]
 * out 0  f32 [N, D]
 */
#ifndef ALM_KERNELS_TOKEN_EMBED_H
#define ALM_KERNELS_TOKEN_EMBED_H

#include "kernels/core/op.h"

typedef enum alm_token_kind {
    ALM_TOKEN_TEXT = 0,
    ALM_TOKEN_IMAGE = 1,
    ALM_TOKEN_POINT = 2
} alm_token_kind;

alm_status alm_token_embed_f32_ref(const alm_exec *x, const alm_op_args *a);

#endif
