/* <cuda_runtime.h> of the shim: the runtime API, and for C++ what kernels are written in. */
#pragma once

#include <cuda_runtime_api.h>

#ifdef __cplusplus
#include "cuda_shim.h"
#endif
