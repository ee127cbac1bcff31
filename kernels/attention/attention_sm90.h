/* The Hopper kernel of `attention`, for the list in attention_cuda.cu; see attention_sm90.cu. Only
 * in builds with ALM_HAS_SM90: nvcc, sm_90a among the architectures. */
#ifndef ALM_KERNELS_ATTENTION_SM90_H
#define ALM_KERNELS_ATTENTION_SM90_H

#include "kernels/core/op.h"

#ifdef __cplusplus
extern "C" {
#endif

bool alm_attention_sm90_accepts(const alm_op_args *a);
alm_status alm_attention_sm90_run(const alm_exec *x, const alm_op_args *a);

/* attention_cuda.cu: the mma.sync kernel, for what the one above cannot take. */
alm_status alm_attention_mma_run(const alm_exec *x, const alm_op_args *a);

#ifdef __cplusplus
}
#endif

#endif
