/* Bytes of pages to the numbers that the vision tower takes (qwen3vl.md 1.3).
 *
 * in 0   bytes  U8  [N, E]: patch rows of 3 channels, E/3 bytes a channel
 * out 0  F32 or BF16 [N, E]: (byte - 255·mean[c]) / (255·std[c]), products and quotient in float32,
 * c = e / (E/3); a BF16 result is that, rounded once more
 */
#ifndef ALM_KERNELS_PIXELS_H
#define ALM_KERNELS_PIXELS_H

#include "kernels/core/op.h"

typedef struct alm_pixels_attr {
    float mean[3];
    float std[3]; /* > 0 */
} alm_pixels_attr;

alm_status alm_pixels_f32_ref(const alm_exec *x, const alm_op_args *a);

#endif
