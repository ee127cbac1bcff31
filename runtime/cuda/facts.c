/* What people want to know of the GPUs and of CUDA. */
#include <stdio.h>

#include "runtime/cuda/cuda_backend.h"

#ifndef ALM_CUDA_ARCHS
#define ALM_CUDA_ARCHS NULL /* the shim's kernels run everywhere */
#endif

static const char *found(int library)
{
    const char *name;
    return alm_library_open(library, &name) ? name : NULL;
}

alm_cuda_facts alm_cuda_facts_get(void)
{
    alm_cuda_facts f = {.archs = ALM_CUDA_ARCHS,
                        .cublaslt = found(ALM_LIBRARY_CUBLASLT),
                        .cudnn = found(ALM_LIBRARY_CUDNN),
                        .nccl = found(ALM_LIBRARY_NCCL)};
    (void)cudaDriverGetVersion(&f.driver);
    (void)cudaRuntimeGetVersion(&f.runtime);
    return f;
}

static int attribute(enum cudaDeviceAttr which, int index)
{
    int value = 0;
    return cudaDeviceGetAttribute(&value, which, index) == cudaSuccess ? value : 0;
}

alm_status alm_gpu_facts_get(int index, alm_gpu_facts *out)
{
    struct cudaDeviceProp p;
    *out = (alm_gpu_facts){0};
    ALM_TRY(almi_cuda_properties(index, &p));
    snprintf(out->name, sizeof out->name, "%.120s", p.name);
    out->arch = 10 * p.major + p.minor;
    out->multiprocessors = p.multiProcessorCount;
    out->clock_mhz = attribute(cudaDevAttrClockRate, index) / 1000;
    out->l2_bytes = (size_t)attribute(cudaDevAttrL2CacheSize, index);
    out->memory_bytes = p.totalGlobalMem;
    size_t all = 0;
    if (cudaSetDevice(index) != cudaSuccess ||
        cudaMemGetInfo(&out->free_bytes, &all) != cudaSuccess) {
        out->free_bytes = 0;
        (void)cudaGetLastError();
    }
    return ALM_OK;
}
