/* Position ids of all tokens (assemlm2.md 4): points take the cell of their centre, the text behind
 * them moves along.
 *
 * in 0   centers  F32 [Q, 3], normalised; row j belongs to the token whose source is
 *                 (ALM_TOKEN_POINT, j); one that has no row is refused when it runs
 * in 1   text     I32 [N, 3]: ordinary ids t, h, w, points counted as text
 * in 2   source   I32 [N, 2] as in token_embed
 * out 0  i32 [N, 3]: a point: round((c + 1)/2·(grid - 1)), halves to even, clamped to 0 … grid - 1,
 *        x→t, y→h, z→w, plus the ordinary t-id of the first point. Each contiguous run of other
 *        tokens after the first point is moved axis by axis so that its first token lies at
 *        (largest id of any point, any axis) + 1 for the first run, (largest id of the run before)
 *        + 1 for the later ones. Without points: the ordinary ids.
 */
#ifndef ALM_KERNELS_POINT_POSITIONS_H
#define ALM_KERNELS_POINT_POSITIONS_H

#include "kernels/core/op.h"

typedef struct alm_point_positions_attr {
    int grid; /* >= 1 */
} alm_point_positions_attr;

alm_status alm_point_positions_i32_ref(const alm_exec *x, const alm_op_args *a);

#endif
