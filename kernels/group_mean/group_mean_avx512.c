/* group_mean_simd.inc.h for AVX-512. */
#include "kernels/group_mean/group_mean_simd.inc.h"
