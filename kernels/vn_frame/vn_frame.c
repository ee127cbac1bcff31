/* Contract of vn_frame. Refuses anything but x [1, C, 3] with a weight [2, C]. */
#include "kernels/vn_frame/vn_frame.h"

static alm_status check(const alm_op_args *a)
{
    ALM_TRY(alm_check_dtype("vn_frame", "x", &a->in[0], ALM_DTYPE_F32));
    ALM_TRY(alm_check_shape("vn_frame", "x", &a->in[0], ALM_SHAPE(1, -1, 3)));
    ALM_TRY(alm_check_weight("vn_frame", "weight", &a->in[1]));
    return alm_check_shape("vn_frame", "weight", &a->in[1], ALM_SHAPE(2, a->in[0].desc.dim[1]));
}

static alm_status infer(const alm_op_args *a, alm_desc *out)
{
    (void)a;
    out[0] = alm_desc_2(ALM_DTYPE_F32, 3, 3);
    return ALM_OK;
}

static const alm_kernel kernels[] = {
    {.name = "vn_frame_f32_ref",
     .backend = ALM_BACKEND_CPU,
     .min_arch = ALM_CPU_GENERIC,
     .run = alm_vn_frame_f32_ref},
    {0},
};

const alm_op_def alm_op_vn_frame = {
    .name = "vn_frame",
    .in_min = 2,
    .in_max = 2,
    .out_count = 1,
    .count_from = ALM_NO_INPUT,
    .in_place = ALM_NO_INPUT,
    .check = check,
    .infer = infer,
    .kernels = kernels,
};
