/* What the CUDA files of `linear` offer the list in linear_cuda.cu: kernels of one file each. */
#ifndef ALM_KERNELS_LINEAR_CUDA_H
#define ALM_KERNELS_LINEAR_CUDA_H

#include "kernels/linear/linear.h"

#ifdef __cplusplus
extern "C" {
#endif

/* linear_sm90.cu, in builds with ALM_HAS_SM90: wgmma, compute capability 9.0 only. */
bool alm_linear_sm90_accepts(const alm_op_args *a);
alm_status alm_linear_sm90_run(const alm_exec *x, const alm_op_args *a);

/* linear_cuda.cu: the mma.sync kernel, for pointers that the one above cannot take. */
alm_status alm_linear_mma_run(const alm_exec *x, const alm_op_args *a);

/* linear_cublaslt.cu: cuBLASLt, with a kernel behind it for what it cannot fuse. Fails when the
 * library is not there. Accepts nothing in builds without its header and in the shim. */
bool alm_linear_cublaslt_accepts(const alm_op_args *a);
size_t alm_linear_cublaslt_workspace(const alm_op_args *a, const alm_device *device);
alm_status alm_linear_cublaslt_run(const alm_exec *x, const alm_op_args *a);

#ifdef __cplusplus
}
#endif

#endif
