#include "kernels/attention/attention_simd.h"
