/* The kernels of `linear`, for linear.c and for operations that are made of linear layers
 * (pose_head). The arguments are those of the operation, checked. Only kernels/ includes this.
 */
#ifndef ALM_KERNELS_LINEAR_KERNELS_H
#define ALM_KERNELS_LINEAR_KERNELS_H

#include "kernels/linear/linear.h"

/* Double accumulation in the order of k. */
alm_status alm_linear_f32_ref(const alm_exec *x, const alm_op_args *a);

/* float32, one chain of fused multiply-adds over k = 0 ... K−1 an element; both give the same
 * bits. */
alm_status alm_linear_f32_avx512(const alm_exec *x, const alm_op_args *a);
size_t alm_linear_workspace_avx512(const alm_op_args *a, const alm_device *device);
alm_status alm_linear_f32_avx2(const alm_exec *x, const alm_op_args *a);
size_t alm_linear_workspace_avx2(const alm_op_args *a, const alm_device *device);

#endif
