#include "kernels/rmsnorm/rmsnorm_simd.h"
