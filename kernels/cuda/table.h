/* The CUDA kernels of every operation. kernels/<op>/<op>_cuda.cu defines alm_<op>_cuda_kernels:
 * best first, a nameless entry last. */
#ifndef ALM_KERNELS_CUDA_TABLE_H
#define ALM_KERNELS_CUDA_TABLE_H

#include "kernels/core/op.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ALM_OP(name) extern const alm_kernel alm_##name##_cuda_kernels[];
#include "kernels/ops.def"
#undef ALM_OP

/* For alm_device.kernels. */
const alm_kernel *alm_cuda_kernels(const alm_op_def *op);

#ifdef __cplusplus
}
#endif

#endif
