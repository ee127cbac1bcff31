/* Cases for the shim's own tests: each runs a kernel, right or wrong on purpose, in a process of
 * its own (cases_main.cu), and test_shim.c looks at how the process ends and what it says. */
#pragma once

#include "kernels/cuda/device.cuh"

#include "cuda_shim_control.h"
#include "cuda_shim_launch.h"

struct shim_case {
    const char *name;
    int (*run)(void); /* 0: the results are right */
};
extern const shim_case seeded_cases[], rule_cases[], feature_cases[];

template <class... P, class... A>
void launch(void (*kernel)(P...), dim3 grid, dim3 block, size_t shared, A... args)
{
    if (shared > 48 * 1024) {
        cudaFuncSetAttribute((const void *)kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             (int)shared);
    }
    cudaLaunchConfig_t config = {};
    config.gridDim = grid;
    config.blockDim = block;
    config.dynamicSmemBytes = shared;
    const cudaError_t error = cudaLaunchKernelEx(&config, kernel, P(args)...);
    if (error != cudaSuccess) {
        printf("launch: %s\n", cudaGetErrorString(error));
        exit(2);
    }
}

template <class T> T *on_device(const T *values, int n)
{
    T *memory;
    if (cudaMalloc((void **)&memory, sizeof(T) * (size_t)n) != cudaSuccess) {
        exit(2);
    }
    if (values) {
        cudaMemcpy(memory, values, sizeof(T) * (size_t)n, cudaMemcpyHostToDevice);
    }
    return memory;
}

template <class T> void from_device(T *values, const T *memory, int n)
{
    cudaMemcpy(values, memory, sizeof(T) * (size_t)n, cudaMemcpyDeviceToHost);
}

/* Numbers in [-1, 1), the same in every run. */
static inline float case_random(void)
{
    static uint32_t state = 12345;
    state = state * 1664525u + 1013904223u;
    return (float)(state >> 8) / 8388608.0f - 1.0f;
}
