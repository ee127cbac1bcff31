/* out = x · gate[index]: the DeepStack gates of the bridge (assemlm2.md 3.6).
 *
 * in 0   x     F32 [N, C]
 * in 1   gate  weight [G]
 * out 0  f32 [N, C]; may take the buffer of x
 */
#ifndef ALM_KERNELS_SCALE_H
#define ALM_KERNELS_SCALE_H

#include "kernels/core/op.h"

typedef struct alm_scale_attr {
    int index; /* in [0, G) */
} alm_scale_attr;

alm_status alm_scale_f32_ref(const alm_exec *x, const alm_op_args *a);

#endif
