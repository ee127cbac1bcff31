/* Contract of scale: refuses an index outside of the gates. */
#include "kernels/scale/scale.h"

static alm_status check(const alm_op_args *a)
{
    const alm_scale_attr *attr = a->attr;
    ALM_TRY(alm_check_dtype("scale", "x", &a->in[0], ALM_DTYPE_F32));
    ALM_TRY(alm_check_shape("scale", "x", &a->in[0], ALM_SHAPE(-1, -1)));
    ALM_TRY(alm_check_weight("scale", "gate", &a->in[1]));
    ALM_TRY(alm_check_shape("scale", "gate", &a->in[1], ALM_SHAPE(-1)));
    if (attr->index < 0 || attr->index >= a->in[1].desc.dim[0]) {
        return alm_fail(ALM_STATUS_MODEL, "scale: gate %d, there are %lld", attr->index,
                        (long long)a->in[1].desc.dim[0]);
    }
    return ALM_OK;
}

static alm_status infer(const alm_op_args *a, alm_desc *out)
{
    out[0] = a->in[0].desc;
    return ALM_OK;
}

static const alm_kernel kernels[] = {
    {.name = "scale_f32_ref", .run = alm_scale_f32_ref},
    {.name = NULL},
};

const alm_op_def alm_op_scale = {
    .name = "scale",
    .in_min = 2,
    .in_max = 2,
    .out_count = 1,
    .count_from = 0,
    .in_place = 0,
    .check = check,
    .infer = infer,
    .kernels = kernels,
};
