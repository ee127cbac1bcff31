#pragma GCC target("avx2,fma")
#include "tests/core/simd_math.inc.h"
