/* Fourier features of the centres (assemlm2.md 3.3): for each axis the sines of all bands, then the
 * cosines; no factor π.
 *
 * in 0   x          F32 [N, 3]
 * in 1   frequency  F32 [B]
 * out 0  f32 [N, 6B]; angles, sines and cosines in double, rounded once
 */
#ifndef ALM_KERNELS_FOURIER_H
#define ALM_KERNELS_FOURIER_H

#include "kernels/core/op.h"

alm_status alm_fourier_f32_ref(const alm_exec *x, const alm_op_args *a);

#endif
