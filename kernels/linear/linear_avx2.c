/* linear_simd.inc.h for AVX2. */
#include "kernels/linear/linear_simd.inc.h"
