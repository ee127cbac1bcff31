/* Contract of rotary_table: refuses tables whose sizes differ. An axis outside of the positions is
 * refused when it runs. */
#include "kernels/rotary_table/rotary_table.h"

static alm_status check(const alm_op_args *a)
{
    ALM_TRY(alm_check_dtype("rotary_table", "position", &a->in[0], ALM_DTYPE_I32));
    ALM_TRY(alm_check_shape("rotary_table", "position", &a->in[0], ALM_SHAPE(-1, -1)));
    ALM_TRY(alm_check_dtype("rotary_table", "frequency", &a->in[1], ALM_DTYPE_F64));
    ALM_TRY(alm_check_shape("rotary_table", "frequency", &a->in[1], ALM_SHAPE(-1)));
    ALM_TRY(alm_check_packed("rotary_table", "frequency", &a->in[1]));
    ALM_TRY(alm_check_dtype("rotary_table", "axis", &a->in[2], ALM_DTYPE_I32));
    ALM_TRY(alm_check_shape("rotary_table", "axis", &a->in[2], 1, a->in[1].desc.dim));
    return alm_check_packed("rotary_table", "axis", &a->in[2]);
}

static alm_status infer(const alm_op_args *a, alm_desc *out)
{
    out[0] = out[1] = alm_desc_2(ALM_DTYPE_F32, a->in[0].desc.dim[0], a->in[1].desc.dim[0]);
    return ALM_OK;
}

static const alm_kernel kernels[] = {
    {.name = "rotary_table_f32_ref", .run = alm_rotary_table_f32_ref},
    {.name = NULL},
};

const alm_op_def alm_op_rotary_table = {
    .name = "rotary_table",
    .in_min = 3,
    .in_max = 3,
    .out_count = 2,
    .count_from = 0,
    .in_place = ALM_NO_INPUT,
    .check = check,
    .infer = infer,
    .kernels = kernels,
};
