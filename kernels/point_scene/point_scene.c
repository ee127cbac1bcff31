/* Contract of point_scene. Refuses: centres of different counts or none, frames that are not
 * [3, 3], a reference that is not above 0, a negative clip. */
#include "kernels/point_scene/point_scene.h"

static alm_status check(const alm_op_args *a)
{
    static const char *const name[] = {"fixed_centers", "fixed_frame", "moving_centers",
                                       "moving_frame"};
    const alm_point_scene_attr *attr = a->attr;
    for (int i = 0; i < 4; i++) {
        ALM_TRY(alm_check_dtype("point_scene", name[i], &a->in[i], ALM_DTYPE_F32));
    }
    ALM_TRY(alm_check_shape("point_scene", name[0], &a->in[0], ALM_SHAPE(-1, 3)));
    ALM_TRY(alm_check_shape("point_scene", name[1], &a->in[1], ALM_SHAPE(3, 3)));
    ALM_TRY(alm_check_shape("point_scene", name[2], &a->in[2], ALM_SHAPE(a->in[0].desc.dim[0], 3)));
    ALM_TRY(alm_check_shape("point_scene", name[3], &a->in[3], ALM_SHAPE(3, 3)));
    if (a->in[0].desc.dim[0] < 1) {
        return alm_fail(ALM_STATUS_MODEL, "point_scene: 0 centres, expected at least 1");
    }
    if (!(attr->reference > 0.0) || !(attr->clip >= 0.0)) {
        return alm_fail(ALM_STATUS_MODEL,
                        "point_scene: reference %g and clip %g, expected them above 0",
                        attr->reference, attr->clip);
    }
    return ALM_OK;
}

static alm_status infer(const alm_op_args *a, alm_desc *out)
{
    out[0] = alm_desc_2(ALM_DTYPE_F32, 4 * a->in[0].desc.dim[0], 3);
    out[1] = alm_desc_2(ALM_DTYPE_F32, 1, 4);
    return ALM_OK;
}

static const alm_kernel kernels[] = {
    {.name = "point_scene_f32_ref",
     .backend = ALM_BACKEND_CPU,
     .min_arch = ALM_CPU_GENERIC,
     .workspace = alm_point_scene_workspace_ref,
     .run = alm_point_scene_f32_ref},
    {0},
};

const alm_op_def alm_op_point_scene = {
    .name = "point_scene",
    .in_min = 4,
    .in_max = 4,
    .out_count = 2,
    .count_from = ALM_NO_INPUT,
    .in_place = ALM_NO_INPUT,
    .check = check,
    .infer = infer,
    .kernels = kernels,
};
