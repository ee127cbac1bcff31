/* Mean over the rows, summed in double.
 *
 * in 0   x  F32 [N, ...]
 * out 0  f32 [1, ...]
 */
#ifndef ALM_KERNELS_MEAN_ROWS_H
#define ALM_KERNELS_MEAN_ROWS_H

#include "kernels/core/op.h"

#endif
