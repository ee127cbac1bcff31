/* vn_linear_simd.inc.h for AVX-512. */
#include "kernels/vn_linear/vn_linear_simd.inc.h"
