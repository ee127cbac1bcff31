/* chamfer_simd.inc.h for AVX-512. */
#include "runtime/eval/chamfer_simd.inc.h"
