#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,fma")
#include "tests/core/simd_math.inc.h"
