#include "kernels/layernorm/layernorm_simd.h"
