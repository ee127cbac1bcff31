/* Contract of weighted_gather: refuses an index and a weight of different shapes. Indices outside
 * of the table are refused when it runs. */
#include "kernels/weighted_gather/weighted_gather.h"

static alm_status check(const alm_op_args *a)
{
    ALM_TRY(alm_check_dtype("weighted_gather", "index", &a->in[0], ALM_DTYPE_I32));
    ALM_TRY(alm_check_shape("weighted_gather", "index", &a->in[0], ALM_SHAPE(-1, -1)));
    ALM_TRY(alm_check_dtype("weighted_gather", "weight", &a->in[1], ALM_DTYPE_F32));
    ALM_TRY(alm_check_shape("weighted_gather", "weight", &a->in[1], 2, a->in[0].desc.dim));
    ALM_TRY(alm_check_weight("weighted_gather", "table", &a->in[2]));
    return alm_check_shape("weighted_gather", "table", &a->in[2], ALM_SHAPE(-1, -1));
}

static alm_status infer(const alm_op_args *a, alm_desc *out)
{
    out[0] = alm_desc_2(ALM_DTYPE_F32, a->in[0].desc.dim[0], a->in[2].desc.dim[1]);
    return ALM_OK;
}

static const alm_kernel kernels[] = {
    {.name = "weighted_gather_f32_ref", .run = alm_weighted_gather_f32_ref},
    {.name = NULL},
};

const alm_op_def alm_op_weighted_gather = {
    .name = "weighted_gather",
    .in_min = 3,
    .in_max = 3,
    .out_count = 1,
    .count_from = 0,
    .in_place = ALM_NO_INPUT,
    .check = check,
    .infer = infer,
    .kernels = kernels,
};
