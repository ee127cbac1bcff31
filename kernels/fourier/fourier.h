/* Fourier features of the centres (assemlm2.md 3.3): for each axis the sines of all bands, then the
 * cosines; no factor π.
 *
 * in 0   x          F32 [N, 3]
 * in 1   frequency  F32 [B]
 * out 0  F32 or BF16 [N, 6B]; angles, sines and cosines in double, rounded to float32 at the end, a
 * BF16 result once more
 */
#ifndef ALM_KERNELS_FOURIER_H
#define ALM_KERNELS_FOURIER_H

#include "kernels/core/op.h"

alm_status alm_fourier_f32_ref(const alm_exec *x, const alm_op_args *a);

#endif
