/* Farthest point sampling (assemlm2.md 2): starts at the point farthest from the mean of the points
 * (taken in double), then again and again the point farthest from those chosen. Squared distances
 * in float32. Ties take the lowest index.
 *
 * in 0   xyz  F32 [N, 3]
 * out 0  i32 [count]
 */
#ifndef ALM_KERNELS_FPS_H
#define ALM_KERNELS_FPS_H

#include "kernels/core/op.h"

typedef struct alm_fps_attr {
    int count; /* 1 <= count; a count above N chooses points again */
} alm_fps_attr;

#endif
