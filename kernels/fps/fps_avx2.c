/* fps_simd.inc.h for AVX2. */
#include "kernels/fps/fps_simd.inc.h"
