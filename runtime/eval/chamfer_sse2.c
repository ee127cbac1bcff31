/* chamfer_simd.inc.h for SSE2. */
#include "runtime/eval/chamfer_simd.inc.h"
