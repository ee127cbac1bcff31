/* knn_simd.inc.h for AVX-512. */
#include "kernels/knn/knn_simd.inc.h"
