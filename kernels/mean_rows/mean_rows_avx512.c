/* mean_rows_simd.inc.h for AVX-512. */
#include "kernels/mean_rows/mean_rows_simd.inc.h"
