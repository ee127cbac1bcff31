/* fps_simd.inc.h for AVX-512. */
#include "kernels/fps/fps_simd.inc.h"
