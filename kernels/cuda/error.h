/* What an error of the CUDA runtime means: one place for kernels and backend. */
#ifndef ALM_KERNELS_CUDA_ERROR_H
#define ALM_KERNELS_CUDA_ERROR_H

#include <cuda_runtime_api.h>

#include "kernels/core/status.h"

/* MEMORY; DEVICE: this program has no code for the GPU; INTERNAL: the call was wrong, the GPU goes
 * on; RESTART for all else, as after most of it (a sticky error) only a new process can go on. */
static inline alm_status alm_cuda_status(cudaError_t error)
{
    switch (error) {
    case cudaSuccess: return ALM_OK;
    case cudaErrorMemoryAllocation: return ALM_STATUS_MEMORY;
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorInvalidDeviceFunction: return ALM_STATUS_DEVICE;
    case cudaErrorInvalidValue:
    case cudaErrorInvalidConfiguration:
    case cudaErrorInvalidMemcpyDirection:
    case cudaErrorInvalidResourceHandle:
    case cudaErrorIllegalState:
    case cudaErrorLaunchOutOfResources:
    case cudaErrorNotSupported:
    case cudaErrorStreamCaptureUnsupported:
    case cudaErrorStreamCaptureInvalidated:
    case cudaErrorStreamCaptureMerge:
    case cudaErrorStreamCaptureUnmatched:
    case cudaErrorStreamCaptureUnjoined:
    case cudaErrorStreamCaptureIsolation:
    case cudaErrorStreamCaptureImplicit:
    case cudaErrorCapturedEvent: return ALM_STATUS_INTERNAL;
    default: return ALM_STATUS_RESTART;
    }
}

#endif
