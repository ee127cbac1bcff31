#include "kernels/rotary/rotary_simd.h"
