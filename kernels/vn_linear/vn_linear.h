/* VNLinearLeakyReLU (assemlm2.md 2): p = feat·x, normalised over channels and xyz and scaled by
 * norm; d = dir·x; s = Σ_xyz p·d; out = 0.2·p + 0.8·(p if s >= 0 else p - s/(|d|² + 1e-6)·d).
 *
 * in 0   feat  weight [Cout, Cin]
 * in 1   norm  weight [Cout]
 * in 2   dir   weight [Cout or 1, Cin]
 * in 3…  x     F32 [N, c, 3], one to ALM_VN_MAX_X whose c sum to Cin: their channels one after
 *              another
 * out 0  f32 [N, Cout, 3]
 */
#ifndef ALM_KERNELS_VN_LINEAR_H
#define ALM_KERNELS_VN_LINEAR_H

#include "kernels/core/op.h"

#define ALM_VN_SLOPE 0.2
#define ALM_VN_EPS 1e-6 /* of the mean square and of |d|² */

enum { ALM_VN_MAX_X = 8 };

/* The weights of one layer; the reference and edge_conv use it. */
typedef struct alm_vn_layer {
    const alm_tensor *feat; /* [out, in] */
    const alm_tensor *norm; /* [out] */
    const alm_tensor *dir;  /* [out or 1, in] */
} alm_vn_layer;

/* The layer whose tensors are in[first], in[first + 1], in[first + 2]. */
static inline alm_vn_layer alm_vn_layer_at(const alm_op_args *a, int first)
{
    return (alm_vn_layer){
        .feat = &a->in[first], .norm = &a->in[first + 1], .dir = &a->in[first + 2]};
}

/* Refuses a layer that is not made of feat [*, in], norm [out], dir [out or 1, in]. `number` "1",
 * "2" or "" tells layers of one operation apart. */
alm_status alm_vn_layer_check(const char *op, const char *number, const alm_vn_layer *layer,
                              int64_t in);

/* The layer on one vector field in double: x [in, 3] -> y [out, 3]. y is not x. */
void alm_vn_layer_ref(const alm_vn_layer *layer, const double *x, double *y);

alm_status alm_vn_linear_f32_ref(const alm_exec *x, const alm_op_args *a);
size_t alm_vn_linear_workspace_ref(const alm_op_args *a, const alm_device *device);

/* vn_linear_simd.inc.h */
alm_status alm_vn_linear_f32_avx512(const alm_exec *x, const alm_op_args *a);
size_t alm_vn_linear_workspace_avx512(const alm_op_args *a, const alm_device *device);
alm_status alm_vn_linear_f32_avx2(const alm_exec *x, const alm_op_args *a);
size_t alm_vn_linear_workspace_avx2(const alm_op_args *a, const alm_device *device);

#endif
