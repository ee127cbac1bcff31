/* edge_conv_simd.inc.h for AVX2. */
#include "kernels/edge_conv/edge_conv_simd.inc.h"
