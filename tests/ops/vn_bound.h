/* Error bound of the kernels of vn_linear and edge_conv, which calculate in double.
 *
 * A double is off by 2^-53 of the terms, and a bend divides by |d| >= 1e-3 (eps), so that n
 * operations in two layers give less than n·2^-53·1e6 < n·2^-33 of the size of the vectors: for n
 * up to a hundred less than u = 2^-24. That size is at most sqrt(3·channels)·|norm|, because p has
 * mean square 1 before norm and a bend makes nothing longer. Hence c = 1 and this m; the rounding
 * to float32 is allowed for besides.
 */
#ifndef ALM_TESTS_OPS_VN_BOUND_H
#define ALM_TESTS_OPS_VN_BOUND_H

#include <math.h>

#include "kernels/vn_linear/vn_linear.h"
#include "tests/ops/op_test.h"

static inline void alm_vn_magnitude(const alm_op_args *a, const alm_tensor *norm, double *m)
{
    const int64_t channels = norm->desc.dim[0];
    double largest = 0.0;
    for (int64_t c = 0; c < channels; c++) {
        largest = fmax(largest, fabs(alm_test_number(norm->desc.dtype, norm->data, c)));
    }
    for (int64_t i = 0; i < alm_rows(&a->out[0]) * 3 * channels; i++) {
        m[i] = largest * sqrt(3.0 * (double)channels);
    }
}

#endif
