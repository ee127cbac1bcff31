/* Contract of knn. Refuses: rows of different sizes, a k that is not in 1 ... N, more points than
 * an i32 can number. */
#include "kernels/knn/knn.h"

alm_status alm_knn_index_check(const char *op, const alm_tensor *index, int64_t rows,
                               int64_t points)
{
    for (int64_t r = 0; r < rows; r++) {
        const int32_t *row = alm_row(const int32_t, index, r);
        for (int64_t t = 0; t < index->desc.dim[1]; t++) {
            if (row[t] < 0 || row[t] >= points) {
                return alm_fail(ALM_STATUS_INTERNAL, "%s: row %lld of index wants row %d of %lld",
                                op, (long long)r, row[t], (long long)points);
            }
        }
    }
    return ALM_OK;
}

static alm_status check(const alm_op_args *a)
{
    const alm_knn_attr *attr = a->attr;
    ALM_TRY(alm_check_dtype("knn", "query", &a->in[0], ALM_DTYPE_F32));
    ALM_TRY(alm_check_dtype("knn", "points", &a->in[1], ALM_DTYPE_F32));
    const int64_t points = a->in[1].desc.dim[0];
    if (alm_desc_row(&a->in[0].desc) != alm_desc_row(&a->in[1].desc)) {
        return alm_fail(ALM_STATUS_MODEL, "knn: a query has %lld numbers and a point %lld",
                        (long long)alm_desc_row(&a->in[0].desc),
                        (long long)alm_desc_row(&a->in[1].desc));
    }
    if (attr->k < 1 || attr->k > points) {
        return alm_fail(ALM_STATUS_MODEL, "knn: k is %d, expected 1 to %lld (the points)", attr->k,
                        (long long)points);
    }
    if (points > INT32_MAX) {
        return alm_fail(ALM_STATUS_MODEL, "knn: %lld points, at most %d are allowed",
                        (long long)points, INT32_MAX);
    }
    return ALM_OK;
}

static alm_status infer(const alm_op_args *a, alm_desc *out)
{
    const alm_knn_attr *attr = a->attr;
    out[0] = alm_desc_2(ALM_DTYPE_I32, a->in[0].desc.dim[0], attr->k);
    return ALM_OK;
}

static const alm_kernel kernels[] = {
    {.name = "knn_f32_avx512",
     .backend = ALM_BACKEND_CPU,
     .min_arch = ALM_CPU_AVX512,
     .workspace = alm_knn_workspace_avx512,
     .run = alm_knn_f32_avx512},
    {.name = "knn_f32_avx2",
     .backend = ALM_BACKEND_CPU,
     .min_arch = ALM_CPU_AVX2,
     .workspace = alm_knn_workspace_avx2,
     .run = alm_knn_f32_avx2},
    {.name = "knn_f32_ref",
     .backend = ALM_BACKEND_CPU,
     .min_arch = ALM_CPU_GENERIC,
     .workspace = alm_knn_workspace_ref,
     .run = alm_knn_f32_ref},
    {0},
};

const alm_op_def alm_op_knn = {
    .name = "knn",
    .in_min = 2,
    .in_max = 2,
    .out_count = 1,
    .count_from = 0,
    .in_place = ALM_NO_INPUT,
    .check = check,
    .infer = infer,
    .kernels = kernels,
};
