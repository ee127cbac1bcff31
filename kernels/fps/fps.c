/* Contract of fps. Refuses: clouds that are not [N, 3] with N in 1 ... 2^31 - 1, a count below 1.
 */
#include "kernels/fps/fps.h"

static alm_status check(const alm_op_args *a)
{
    const alm_fps_attr *attr = a->attr;
    ALM_TRY(alm_check_dtype("fps", "xyz", &a->in[0], ALM_DTYPE_F32));
    ALM_TRY(alm_check_shape("fps", "xyz", &a->in[0], ALM_SHAPE(-1, 3)));
    const int64_t points = a->in[0].desc.dim[0];
    if (points < 1 || points > INT32_MAX) {
        return alm_fail(ALM_STATUS_MODEL, "fps: %lld points, expected 1 to %d", (long long)points,
                        INT32_MAX);
    }
    if (attr->count < 1) {
        return alm_fail(ALM_STATUS_MODEL, "fps: count is %d, expected at least 1", attr->count);
    }
    return ALM_OK;
}

static alm_status infer(const alm_op_args *a, alm_desc *out)
{
    const alm_fps_attr *attr = a->attr;
    out[0] = alm_desc_1(ALM_DTYPE_I32, attr->count);
    return ALM_OK;
}

static const alm_kernel kernels[] = {
    {.name = "fps_f32_avx512",
     .backend = ALM_BACKEND_CPU,
     .min_arch = ALM_CPU_AVX512,
     .workspace = alm_fps_workspace_avx512,
     .run = alm_fps_f32_avx512},
    {.name = "fps_f32_avx2",
     .backend = ALM_BACKEND_CPU,
     .min_arch = ALM_CPU_AVX2,
     .workspace = alm_fps_workspace_avx2,
     .run = alm_fps_f32_avx2},
    {.name = "fps_f32_ref",
     .backend = ALM_BACKEND_CPU,
     .min_arch = ALM_CPU_GENERIC,
     .workspace = alm_fps_workspace_ref,
     .run = alm_fps_f32_ref},
    {0},
};

const alm_op_def alm_op_fps = {
    .name = "fps",
    .in_min = 1,
    .in_max = 1,
    .out_count = 1,
    .count_from = ALM_NO_INPUT,
    .in_place = ALM_NO_INPUT,
    .check = check,
    .infer = infer,
    .kernels = kernels,
};
