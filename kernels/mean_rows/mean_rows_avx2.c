/* mean_rows_simd.inc.h for AVX2. */
#include "kernels/mean_rows/mean_rows_simd.inc.h"
