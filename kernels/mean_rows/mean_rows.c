/* Contract of mean_rows. Refuses anything but F32 of rank 1 and more. */
#include "kernels/mean_rows/mean_rows.h"

static alm_status check(const alm_op_args *a)
{
    ALM_TRY(alm_check_dtype("mean_rows", "x", &a->in[0], ALM_DTYPE_F32));
    if (a->in[0].desc.rank < 1) {
        return alm_fail(ALM_STATUS_MODEL, "mean_rows: x has no rows, expected [N, ...]");
    }
    return ALM_OK;
}

static alm_status infer(const alm_op_args *a, alm_desc *out)
{
    out[0] = a->in[0].desc;
    out[0].dim[0] = 1;
    return ALM_OK;
}

static const alm_kernel kernels[] = {
    {.name = "mean_rows_f32_avx512",
     .backend = ALM_BACKEND_CPU,
     .min_arch = ALM_CPU_AVX512,
     .run = alm_mean_rows_f32_avx512},
    {.name = "mean_rows_f32_avx2",
     .backend = ALM_BACKEND_CPU,
     .min_arch = ALM_CPU_AVX2,
     .run = alm_mean_rows_f32_avx2},
    {.name = "mean_rows_f32_ref",
     .backend = ALM_BACKEND_CPU,
     .min_arch = ALM_CPU_GENERIC,
     .run = alm_mean_rows_f32_ref},
    {0},
};

const alm_op_def alm_op_mean_rows = {
    .name = "mean_rows",
    .in_min = 1,
    .in_max = 1,
    .out_count = 1,
    .count_from = ALM_NO_INPUT,
    .in_place = ALM_NO_INPUT,
    .check = check,
    .infer = infer,
    .kernels = kernels,
};
