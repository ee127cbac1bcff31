/* vn_linear_simd.inc.h for AVX2. */
#include "kernels/vn_linear/vn_linear_simd.inc.h"
