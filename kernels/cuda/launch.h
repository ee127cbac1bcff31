/* How host code in .cu files launches a kernel: one function for the GPU and for the shim.
 *
 *     return alm_launch(x, "add", add_kernel, dim3(blocks), dim3(256), 0, a, b, out, rows, width);
 *
 * An empty grid is no launch. Much shared memory is asked for on the way: from 48 KB on, static and
 * dynamic together, it must be, and a kernel with dynamic memory has less than 8 KB of the other
 * kind (tools/kernel_resources prints it). The error text names the launch, its grid and what the
 * driver says.
 */
#pragma once

#include <cuda_runtime.h>

#include "kernels/core/op.h"
#include "kernels/cuda/error.h"

#ifdef ALM_CUDA_SHIM
#include <cuda_shim_launch.h> /* cudaLaunchKernelEx for host functions */
#endif

static inline alm_status alm_launch_failed(const char *name, dim3 grid, dim3 block, size_t shared,
                                           cudaError_t error)
{
    (void)cudaGetLastError(); /* one that is not sticky is forgotten */
    return alm_fail(alm_cuda_status(error),
                    "%s: launch of %u x %u x %u blocks of %u threads with %zu bytes: %s", name,
                    grid.x, grid.y, grid.z, block.x * block.y * block.z, shared,
                    cudaGetErrorString(error));
}

template <class... P, class... A>
alm_status alm_launch(const alm_exec *x, const char *name, void (*kernel)(P...), dim3 grid,
                      dim3 block, size_t shared, A... args)
{
    if (grid.x == 0 || grid.y == 0 || grid.z == 0) {
        return ALM_OK;
    }
    cudaError_t error = cudaSuccess;
    if (shared > 40 * 1024) {
        error = cudaFuncSetAttribute((const void *)kernel,
                                     cudaFuncAttributeMaxDynamicSharedMemorySize, (int)shared);
    }
    if (error == cudaSuccess) {
        cudaLaunchAttribute overlap = {};
        overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
        overlap.val.programmaticStreamSerializationAllowed = 1;
        cudaLaunchConfig_t config = {};
        config.gridDim = grid;
        config.blockDim = block;
        config.dynamicSmemBytes = shared;
        config.stream = (cudaStream_t)x->stream;
        config.attrs = &overlap;
        config.numAttrs = x->overlap ? 1 : 0;
        error = cudaLaunchKernelEx(&config, kernel, P(args)...);
    }
    return error == cudaSuccess ? ALM_OK : alm_launch_failed(name, grid, block, shared, error);
}

/* Sizes of grids. */
static inline unsigned alm_blocks(int64_t n, int64_t per_block)
{
    return (unsigned)((n + per_block - 1) / per_block);
}

static inline alm_row_count alm_row_count_of(const alm_tensor *t)
{
    return alm_row_count{t->count, (int)t->desc.dim[0]};
}
