/* group_mean_simd.inc.h for AVX2. */
#include "kernels/group_mean/group_mean_simd.inc.h"
