/* Farthest point sampling (assemlm2.md 2): starts at the point farthest from the mean of the points
 * (mean and first distance in double), then again and again the point farthest from those chosen,
 * by squared distances in float32, x² + y² + z² added in this order. Ties take the lowest index; a
 * distance that is not a number counts as infinity. Every kernel gives the same integers.
 *
 * in 0   xyz  F32 [N, 3], N >= 1
 * out 0  i32 [count]
 */
#ifndef ALM_KERNELS_FPS_H
#define ALM_KERNELS_FPS_H

#include "kernels/core/op.h"

typedef struct alm_fps_attr {
    int count; /* 1 <= count; a count above N chooses points again */
} alm_fps_attr;

/* The start: index of the point of xyz (n rows in use) farthest from their mean; 0 when n is 0. */
int32_t alm_fps_start(const alm_tensor *xyz, int64_t n);

alm_status alm_fps_f32_ref(const alm_exec *x, const alm_op_args *a);
size_t alm_fps_workspace_ref(const alm_op_args *a, const alm_device *device);

/* fps_simd.inc.h */
alm_status alm_fps_f32_avx512(const alm_exec *x, const alm_op_args *a);
size_t alm_fps_workspace_avx512(const alm_op_args *a, const alm_device *device);
alm_status alm_fps_f32_avx2(const alm_exec *x, const alm_op_args *a);
size_t alm_fps_workspace_avx2(const alm_op_args *a, const alm_device *device);

#endif
