/* VNLinearLeakyReLU (assemlm2.md 2): p = feat·x, normalised over channels and xyz and scaled by
 * norm; d = dir·x; s = Σ_xyz p·d; out = 0.2·p + 0.8·(p if s >= 0 else p - s/(|d|² + 1e-6)·d).
 *
 * in 0   feat  weight [Cout, Cin]
 * in 1   norm  weight [Cout]
 * in 2   dir   weight [Cout or 1, Cin]
 * in 3…  x     F32 [N, c, 3], one or more whose c sum to Cin: their channels one after another
 * out 0  f32 [N, Cout, 3]
 */
#ifndef ALM_KERNELS_VN_LINEAR_H
#define ALM_KERNELS_VN_LINEAR_H

#include "kernels/core/op.h"

#define ALM_VN_SLOPE 0.2
#define ALM_VN_EPS 1e-6 /* of the mean square and of |d|² */

#endif
