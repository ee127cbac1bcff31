/* Launches for test_runtime.c, which is C. */
#ifndef ALM_CUDA_SHIM_SELF_RUNTIME_KERNELS_H
#define ALM_CUDA_SHIM_SELF_RUNTIME_KERNELS_H

#include <cuda_runtime_api.h>

#ifdef __cplusplus
extern "C" {
#endif

/* out[i] = in[i] · factor + add for i < n, at most 1,024. */
cudaError_t launch_scale(float *out, const float *in, float factor, float add, int n,
                         cudaStream_t stream);
/* With this grid, block and shared memory; does nothing. `raise`: asks for as much first. */
cudaError_t launch_shape(dim3 grid, dim3 block, size_t shared_bytes, int raise);

#ifdef __cplusplus
}
#endif

#endif
