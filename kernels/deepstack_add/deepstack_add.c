/* Contract of deepstack_add: refuses features of another width than h. A row that its source does
 * not have is refused when it runs. */
#include "kernels/deepstack_add/deepstack_add.h"

static alm_status check(const alm_op_args *a)
{
    ALM_TRY(alm_check_dtype("deepstack_add", "h", &a->in[0], ALM_DTYPE_F32));
    ALM_TRY(alm_check_shape("deepstack_add", "h", &a->in[0], ALM_SHAPE(-1, -1)));
    const int64_t n = a->in[0].desc.dim[0], width = a->in[0].desc.dim[1];
    ALM_TRY(alm_check_dtype("deepstack_add", "source", &a->in[1], ALM_DTYPE_I32));
    ALM_TRY(alm_check_shape("deepstack_add", "source", &a->in[1], ALM_SHAPE(n, 2)));
    for (int i = 2; i < 4; i++) {
        const char *what = i == 2 ? "image" : "point";
        const alm_tensor *t = alm_optional(a, i);
        if (t) {
            ALM_TRY(alm_check_dtype("deepstack_add", what, t, ALM_DTYPE_F32));
            ALM_TRY(alm_check_shape("deepstack_add", what, t, ALM_SHAPE(-1, width)));
        }
    }
    return ALM_OK;
}

static alm_status infer(const alm_op_args *a, alm_desc *out)
{
    out[0] = a->in[0].desc;
    return ALM_OK;
}

static const alm_kernel kernels[] = {
    {.name = "deepstack_add_f32_ref", .run = alm_deepstack_add_f32_ref},
    {.name = NULL},
};

const alm_op_def alm_op_deepstack_add = {
    .name = "deepstack_add",
    .in_min = 2,
    .in_max = 4,
    .out_count = 1,
    .count_from = 0,
    .in_place = 0,
    .check = check,
    .infer = infer,
    .kernels = kernels,
};
