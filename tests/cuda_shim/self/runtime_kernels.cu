/* Kernels for test_runtime.c. */
#include "kernels/cuda/device.cuh"

#include "cuda_shim_launch.h"

#include "tests/cuda_shim/self/runtime_kernels.h"

static __global__ void scale_kernel(float *out, const float *in, float factor, float add, int n)
{
    const int i = (int)threadIdx.x;
    if (i < n) {
        out[i] = in[i] * factor + add;
    }
}

static __global__ void shape_kernel(int)
{
}

extern "C" cudaError_t launch_scale(float *out, const float *in, float factor, float add, int n,
                                    cudaStream_t stream)
{
    cudaLaunchConfig_t config = {};
    config.blockDim = dim3((unsigned)n);
    config.stream = stream;
    return cudaLaunchKernelEx(&config, scale_kernel, out, in, factor, add, n);
}

extern "C" cudaError_t launch_shape(dim3 grid, dim3 block, size_t shared_bytes, int raise)
{
    if (raise) {
        const cudaError_t error =
            cudaFuncSetAttribute((const void *)shape_kernel,
                                 cudaFuncAttributeMaxDynamicSharedMemorySize, (int)shared_bytes);
        if (error != cudaSuccess) {
            return error;
        }
    }
    cudaLaunchConfig_t config = {};
    config.gridDim = grid;
    config.blockDim = block;
    config.dynamicSmemBytes = shared_bytes;
    return cudaLaunchKernelEx(&config, shape_kernel, 0);
}
