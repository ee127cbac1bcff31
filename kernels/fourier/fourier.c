/* Contract of fourier. Refuses anything but x [N, 3] with frequencies [B]. */
#include "kernels/fourier/fourier.h"

static alm_status check(const alm_op_args *a)
{
    ALM_TRY(alm_check_dtype("fourier", "x", &a->in[0], ALM_DTYPE_F32));
    ALM_TRY(alm_check_shape("fourier", "x", &a->in[0], ALM_SHAPE(-1, 3)));
    ALM_TRY(alm_check_dtype("fourier", "frequency", &a->in[1], ALM_DTYPE_F32));
    ALM_TRY(alm_check_shape("fourier", "frequency", &a->in[1], ALM_SHAPE(-1)));
    return alm_check_packed("fourier", "frequency", &a->in[1]);
}

static alm_status infer(const alm_op_args *a, alm_desc *out)
{
    out[0] = alm_desc_2(ALM_DTYPE_F32, a->in[0].desc.dim[0], 6 * a->in[1].desc.dim[0]);
    return ALM_OK;
}

static const alm_kernel kernels[] = {
    {.name = "fourier_f32_ref",
     .backend = ALM_BACKEND_CPU,
     .min_arch = ALM_CPU_GENERIC,
     .run = alm_fourier_f32_ref},
    {0},
};

const alm_op_def alm_op_fourier = {
    .name = "fourier",
    .in_min = 2,
    .in_max = 2,
    .out_count = 1,
    .count_from = 0,
    .in_place = ALM_NO_INPUT,
    .check = check,
    .infer = infer,
    .kernels = kernels,
    .bf16_out = true,
};
