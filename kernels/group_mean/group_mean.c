/* Contract of group_mean. Refuses: other types, an index that is not [P, k] with k >= 1. */
#include "kernels/group_mean/group_mean.h"

static alm_status check(const alm_op_args *a)
{
    const alm_tensor *x = &a->in[0], *index = &a->in[1];
    ALM_TRY(alm_check_dtype("group_mean", "x", x, ALM_DTYPE_F32));
    ALM_TRY(alm_check_dtype("group_mean", "index", index, ALM_DTYPE_I32));
    ALM_TRY(alm_check_shape("group_mean", "index", index, ALM_SHAPE(-1, -1)));
    if (x->desc.rank < 1 || x->desc.dim[0] < 1 || index->desc.dim[1] < 1) {
        return alm_fail(ALM_STATUS_MODEL, "group_mean: %lld rows in groups of %lld, expected some",
                        (long long)x->desc.dim[0], (long long)index->desc.dim[1]);
    }
    return ALM_OK;
}

static alm_status infer(const alm_op_args *a, alm_desc *out)
{
    out[0] = a->in[0].desc;
    out[0].dim[0] = a->in[1].desc.dim[0];
    return ALM_OK;
}

static const alm_kernel kernels[] = {
    {.name = "group_mean_f32_avx512",
     .backend = ALM_BACKEND_CPU,
     .min_arch = ALM_CPU_AVX512,
     .run = alm_group_mean_f32_avx512},
    {.name = "group_mean_f32_avx2",
     .backend = ALM_BACKEND_CPU,
     .min_arch = ALM_CPU_AVX2,
     .run = alm_group_mean_f32_avx2},
    {.name = "group_mean_f32_ref",
     .backend = ALM_BACKEND_CPU,
     .min_arch = ALM_CPU_GENERIC,
     .run = alm_group_mean_f32_ref},
    {0},
};

const alm_op_def alm_op_group_mean = {
    .name = "group_mean",
    .in_min = 2,
    .in_max = 2,
    .out_count = 1,
    .count_from = 1,
    .in_place = ALM_NO_INPUT,
    .check = check,
    .infer = infer,
    .kernels = kernels,
};
