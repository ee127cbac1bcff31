/* nvToolsExt.h, for streams. */
#ifndef ALM_CUDA_SHIM_NVTX_CUDA_H
#define ALM_CUDA_SHIM_NVTX_CUDA_H

#include <cuda_runtime_api.h>

#ifdef __cplusplus
extern "C" {
#endif

void nvtxNameCudaStreamA(cudaStream_t stream, const char *name);

#ifdef __cplusplus
}
#endif

#endif
