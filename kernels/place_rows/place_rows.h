/* x with some of its rows replaced: new keys and values behind the cached ones of an image prefix.
 *
 * in 0   x       F32 or BF16 [M, C], packed
 * in 1   rows    F32 or BF16 [N, C], whatever the type of x: widened exactly or rounded once
 * in 2   offset  I32 [1]: place of the first new row; offset + rows in use <= M, refused in a run
 * out 0          [M, C], of the type of x: the rows in use of x, then `rows` over offset ...; may
 *                take the buffer of x, which then keeps its other rows
 */
#ifndef ALM_KERNELS_PLACE_ROWS_H
#define ALM_KERNELS_PLACE_ROWS_H

#include "kernels/core/op.h"

alm_status alm_place_rows_f32_ref(const alm_exec *x, const alm_op_args *a);

#endif
