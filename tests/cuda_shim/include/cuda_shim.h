/* Compiles a .cu file with the host compiler and runs its kernels on the CPU: one fiber a CUDA
 * thread, one block at a time. Force-included:
 *
 *     g++ -std=c++20 -x c++ -DALM_CUDA_SHIM -Itests/cuda_shim/include -include cuda_shim.h
 * x_cuda.cu
 *
 * and linked with tests/cuda_shim/engine. kernels/cuda/device.cuh finds its own functions in
 * cuda_shim_device.h, kernels/cuda/launch.h in cuda_shim_launch.h.
 */
#pragma once

#ifndef ALM_CUDA_SHIM
#define ALM_CUDA_SHIM 1
#endif

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cuda_runtime_api.h>

#include "cuda_shim_engine.h"

#include "cuda_shim_builtins.h"
#include "cuda_shim_math.h"
