/* edge_conv_simd.inc.h for AVX-512. */
#include "kernels/edge_conv/edge_conv_simd.inc.h"
