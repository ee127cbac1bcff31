/* Contract of gather_rows: refuses an index that is not one number a row. */
#include "kernels/gather_rows/gather_rows.h"

static alm_status check(const alm_op_args *a)
{
    char text[ALM_DESC_TEXT];
    ALM_TRY(alm_check_operand("gather_rows", "x", &a->in[0]));
    if (a->in[0].desc.rank < 1 || a->in[0].desc.dim[0] < 1) {
        return alm_fail(ALM_STATUS_MODEL, "gather_rows: x is %s, expected rows",
                        alm_desc_text(&a->in[0].desc, text));
    }
    ALM_TRY(alm_check_dtype("gather_rows", "index", &a->in[1], ALM_DTYPE_I32));
    return alm_check_shape("gather_rows", "index", &a->in[1], ALM_SHAPE(-1));
}

static alm_status infer(const alm_op_args *a, alm_desc *out)
{
    out[0] = a->in[0].desc;
    out[0].dim[0] = a->in[1].desc.dim[0];
    return ALM_OK;
}

static const alm_kernel kernels[] = {
    {.name = "gather_rows_f32_ref", .run = alm_gather_rows_f32_ref},
    {.name = NULL},
};

const alm_op_def alm_op_gather_rows = {
    .name = "gather_rows",
    .in_min = 2,
    .in_max = 2,
    .out_count = 1,
    .count_from = 1,
    .in_place = ALM_NO_INPUT,
    .check = check,
    .infer = infer,
    .kernels = kernels,
    .bf16_in = 1 << 0,
    .bf16_out = true,
};
