/* Contract of point_positions. Refuses: other shapes, a grid below 1. */
#include "kernels/point_positions/point_positions.h"

static alm_status check(const alm_op_args *a)
{
    static const char *const op = "point_positions";
    const alm_point_positions_attr *attr = a->attr;
    ALM_TRY(alm_check_dtype(op, "centers", &a->in[0], ALM_DTYPE_F32));
    ALM_TRY(alm_check_shape(op, "centers", &a->in[0], ALM_SHAPE(-1, 3)));
    ALM_TRY(alm_check_dtype(op, "text", &a->in[1], ALM_DTYPE_I32));
    ALM_TRY(alm_check_shape(op, "text", &a->in[1], ALM_SHAPE(-1, 3)));
    ALM_TRY(alm_check_dtype(op, "source", &a->in[2], ALM_DTYPE_I32));
    ALM_TRY(alm_check_shape(op, "source", &a->in[2], ALM_SHAPE(a->in[1].desc.dim[0], 2)));
    if (attr->grid < 1) {
        return alm_fail(ALM_STATUS_MODEL, "%s: grid is %d, expected at least 1", op, attr->grid);
    }
    return ALM_OK;
}

static alm_status infer(const alm_op_args *a, alm_desc *out)
{
    out[0] = alm_desc_2(ALM_DTYPE_I32, a->in[1].desc.dim[0], 3);
    return ALM_OK;
}

static const alm_kernel kernels[] = {
    {.name = "point_positions_i32_ref",
     .backend = ALM_BACKEND_CPU,
     .min_arch = ALM_CPU_GENERIC,
     .run = alm_point_positions_i32_ref},
    {0},
};

const alm_op_def alm_op_point_positions = {
    .name = "point_positions",
    .in_min = 3,
    .in_max = 3,
    .out_count = 1,
    .count_from = 1,
    .in_place = ALM_NO_INPUT,
    .check = check,
    .infer = infer,
    .kernels = kernels,
};
