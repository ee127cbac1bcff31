/* The frame of a cloud (assemlm2.md 2): two vectors by a bare linear layer, Gram-Schmidt with
 * v/(|v| + 1e-6), the third their cross product.
 *
 * in 0   x       F32 [1, C, 3]
 * in 1   weight  weight [2, C]
 * out 0  f32 [3, 3]: the COLUMNS are the three vectors
 */
#ifndef ALM_KERNELS_VN_FRAME_H
#define ALM_KERNELS_VN_FRAME_H

#include "kernels/core/op.h"

#endif
