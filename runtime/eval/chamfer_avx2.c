/* chamfer_simd.inc.h for AVX2. */
#include "runtime/eval/chamfer_simd.inc.h"
