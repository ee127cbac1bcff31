/* Contract of vn_linear. Refuses: weights that do not fit each other, inputs of different lengths,
 * channels that do not sum to the weight's. */
#include "kernels/vn_linear/vn_linear.h"

#include <stdio.h>

alm_status alm_vn_layer_check(const char *op, const char *number, const alm_vn_layer *layer,
                              int64_t in)
{
    char name[16];
    snprintf(name, sizeof name, "feat%s", number);
    ALM_TRY(alm_check_weight(op, name, layer->feat));
    ALM_TRY(alm_check_shape(op, name, layer->feat, ALM_SHAPE(-1, in)));
    const int64_t out = layer->feat->desc.dim[0];
    if (out < 1) {
        return alm_fail(ALM_STATUS_MODEL, "%s: %s has no rows, expected at least 1", op, name);
    }
    snprintf(name, sizeof name, "norm%s", number);
    ALM_TRY(alm_check_weight(op, name, layer->norm));
    ALM_TRY(alm_check_shape(op, name, layer->norm, ALM_SHAPE(out)));
    snprintf(name, sizeof name, "dir%s", number);
    ALM_TRY(alm_check_weight(op, name, layer->dir));
    const bool shared = layer->dir->desc.rank == 2 && layer->dir->desc.dim[0] == 1;
    return alm_check_shape(op, name, layer->dir, ALM_SHAPE(shared ? 1 : out, in));
}

static alm_status check(const alm_op_args *a)
{
    int64_t channels = 0;
    for (int i = 3; i < a->n_in; i++) {
        ALM_TRY(alm_check_dtype("vn_linear", "x", &a->in[i], ALM_DTYPE_F32));
        ALM_TRY(alm_check_shape("vn_linear", "x", &a->in[i],
                                ALM_SHAPE(i > 3 ? a->in[3].desc.dim[0] : -1, -1, 3)));
        channels += a->in[i].desc.dim[1];
    }
    const alm_vn_layer layer = alm_vn_layer_at(a, 0);
    return alm_vn_layer_check("vn_linear", "", &layer, channels);
}

static alm_status infer(const alm_op_args *a, alm_desc *out)
{
    out[0] = alm_desc_3(ALM_DTYPE_F32, a->in[3].desc.dim[0], a->in[0].desc.dim[0], 3);
    return ALM_OK;
}

static const alm_kernel kernels[] = {
    {.name = "vn_linear_f32_avx512",
     .backend = ALM_BACKEND_CPU,
     .min_arch = ALM_CPU_AVX512,
     .workspace = alm_vn_linear_workspace_avx512,
     .run = alm_vn_linear_f32_avx512},
    {.name = "vn_linear_f32_avx2",
     .backend = ALM_BACKEND_CPU,
     .min_arch = ALM_CPU_AVX2,
     .workspace = alm_vn_linear_workspace_avx2,
     .run = alm_vn_linear_f32_avx2},
    {.name = "vn_linear_f32_ref",
     .backend = ALM_BACKEND_CPU,
     .min_arch = ALM_CPU_GENERIC,
     .workspace = alm_vn_linear_workspace_ref,
     .run = alm_vn_linear_f32_ref},
    {0},
};

const alm_op_def alm_op_vn_linear = {
    .name = "vn_linear",
    .in_min = 4,
    .in_max = 3 + ALM_VN_MAX_X,
    .out_count = 1,
    .count_from = 3,
    .in_place = ALM_NO_INPUT,
    .check = check,
    .infer = infer,
    .kernels = kernels,
};
