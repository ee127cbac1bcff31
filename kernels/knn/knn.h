/* The k nearest points of each query (assemlm2.md 2). Distances are sums of squared differences in
 * float32, coordinates ascending, never products, so that copies of a point are exactly 0 apart.
 * Ties take the lowest index; a distance that is not a number counts as infinity. Every kernel
 * gives the same integers.
 *
 * in 0   query   F32 [Q, ...], the dimensions behind the first flattened
 * in 1   points  F32 [N, ...], likewise, of the same row size
 * out 0  i32 [Q, k]: each row ascending by index. With fewer than k points in use a row ends in
 *        repetitions of the last one
 */
#ifndef ALM_KERNELS_KNN_H
#define ALM_KERNELS_KNN_H

#include "kernels/core/op.h"

typedef struct alm_knn_attr {
    int k; /* 1 <= k <= N */
} alm_knn_attr;

/* For operations that read such a table: refuses (ALM_STATUS_INTERNAL) one whose first `rows` rows
 * hold a point that is not in [0, points). */
alm_status alm_knn_index_check(const char *op, const alm_tensor *index, int64_t rows,
                               int64_t points);

alm_status alm_knn_f32_ref(const alm_exec *x, const alm_op_args *a);
size_t alm_knn_workspace_ref(const alm_op_args *a, const alm_device *device);

/* knn_simd.inc.h */
alm_status alm_knn_f32_avx512(const alm_exec *x, const alm_op_args *a);
size_t alm_knn_workspace_avx512(const alm_op_args *a, const alm_device *device);
alm_status alm_knn_f32_avx2(const alm_exec *x, const alm_op_args *a);
size_t alm_knn_workspace_avx2(const alm_op_args *a, const alm_device *device);

#endif
