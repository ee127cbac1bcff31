/* Mean of the features of each patch (assemlm2.md 2).
 *
 * in 0   x      F32 [N, ...]
 * in 1   index  I32 [P, k], each in [0, N)
 * out 0  f32 [P, ...]
 */
#ifndef ALM_KERNELS_GROUP_MEAN_H
#define ALM_KERNELS_GROUP_MEAN_H

#include "kernels/core/op.h"

#endif
