/* linear_simd.inc.h for AVX-512. */
#include "kernels/linear/linear_simd.inc.h"
