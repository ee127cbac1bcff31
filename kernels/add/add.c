/* Contract of add: refuses operands of different shapes. */
#include "kernels/add/add.h"

static alm_status check(const alm_op_args *a)
{
    ALM_TRY(alm_check_dtype("add", "a", &a->in[0], ALM_DTYPE_F32));
    ALM_TRY(alm_check_shape("add", "a", &a->in[0], ALM_SHAPE(-1, -1)));
    ALM_TRY(alm_check_dtype("add", "b", &a->in[1], ALM_DTYPE_F32));
    return alm_check_shape("add", "b", &a->in[1], 2, a->in[0].desc.dim);
}

static alm_status infer(const alm_op_args *a, alm_desc *out)
{
    out[0] = a->in[0].desc;
    return ALM_OK;
}

static const alm_kernel kernels[] = {
    {.name = "add_f32_ref", .run = alm_add_f32_ref},
    {.name = NULL},
};

const alm_op_def alm_op_add = {
    .name = "add",
    .in_min = 2,
    .in_max = 2,
    .out_count = 1,
    .count_from = 0,
    .in_place = 0,
    .check = check,
    .infer = infer,
    .kernels = kernels,
};
