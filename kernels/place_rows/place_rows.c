/* Contract of place_rows: refuses rows of another width, and more rows than x can hold. */
#include "kernels/place_rows/place_rows.h"

static alm_status check(const alm_op_args *a)
{
    ALM_TRY(alm_check_operand("place_rows", "x", &a->in[0]));
    ALM_TRY(alm_check_shape("place_rows", "x", &a->in[0], ALM_SHAPE(-1, -1)));
    ALM_TRY(alm_check_packed("place_rows", "x", &a->in[0]));
    ALM_TRY(alm_check_operand("place_rows", "rows", &a->in[1]));
    ALM_TRY(alm_check_shape("place_rows", "rows", &a->in[1], ALM_SHAPE(-1, a->in[0].desc.dim[1])));
    if (a->in[1].desc.dim[0] > a->in[0].desc.dim[0]) {
        return alm_fail(ALM_STATUS_MODEL, "place_rows: %lld rows, x has %lld",
                        (long long)a->in[1].desc.dim[0], (long long)a->in[0].desc.dim[0]);
    }
    ALM_TRY(alm_check_dtype("place_rows", "offset", &a->in[2], ALM_DTYPE_I32));
    return alm_check_shape("place_rows", "offset", &a->in[2], ALM_SHAPE(1));
}

static alm_status infer(const alm_op_args *a, alm_desc *out)
{
    out[0] = a->in[0].desc;
    return ALM_OK;
}

static const alm_kernel kernels[] = {
    {.name = "place_rows_f32_ref", .run = alm_place_rows_f32_ref},
    {.name = NULL},
};

const alm_op_def alm_op_place_rows = {
    .name = "place_rows",
    .in_min = 3,
    .in_max = 3,
    .out_count = 1,
    .count_from = 0,
    .in_place = 0,
    .check = check,
    .infer = infer,
    .kernels = kernels,
    .bf16_in = 1 << 0 | 1 << 1,
    .bf16_out = true,
};
