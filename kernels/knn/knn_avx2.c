/* knn_simd.inc.h for AVX2. */
#include "kernels/knn/knn_simd.inc.h"
