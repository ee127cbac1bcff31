/* The frame of a cloud (assemlm2.md 2): two vectors by a bare linear layer, Gram-Schmidt with
 * v/(|v| + 1e-6), the third their cross product. In double inside.
 *
 * in 0   x       F32 [1, C, 3]
 * in 1   weight  weight [2, C]
 * out 0  f32 [3, 3]: the COLUMNS are the three vectors
 */
#ifndef ALM_KERNELS_VN_FRAME_H
#define ALM_KERNELS_VN_FRAME_H

#include "kernels/core/op.h"

alm_status alm_vn_frame_f32_ref(const alm_exec *x, const alm_op_args *a);

#endif
