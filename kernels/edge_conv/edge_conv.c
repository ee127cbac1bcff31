/* Contract of edge_conv. Refuses: weights that do not fit each other, half a second layer, an index
 * that is not [N, k] with k >= 1. */
#include "kernels/edge_conv/edge_conv.h"

#include "kernels/vn_linear/vn_linear.h"

static alm_status check(const alm_op_args *a)
{
    const alm_tensor *x = &a->in[0], *index = &a->in[1];
    ALM_TRY(alm_check_dtype("edge_conv", "x", x, ALM_DTYPE_F32));
    ALM_TRY(alm_check_shape("edge_conv", "x", x, ALM_SHAPE(-1, -1, 3)));
    ALM_TRY(alm_check_dtype("edge_conv", "index", index, ALM_DTYPE_I32));
    ALM_TRY(alm_check_shape("edge_conv", "index", index, ALM_SHAPE(x->desc.dim[0], -1)));
    if (index->desc.dim[1] < 1) {
        return alm_fail(ALM_STATUS_MODEL, "edge_conv: 0 neighbours, expected at least 1");
    }
    const alm_vn_layer first = alm_vn_layer_at(a, 2);
    ALM_TRY(alm_vn_layer_check("edge_conv", "1", &first, 2 * x->desc.dim[1]));
    const int present = !!alm_optional(a, 5) + !!alm_optional(a, 6) + !!alm_optional(a, 7);
    if (present == 0) {
        return ALM_OK;
    }
    if (present != 3) {
        return alm_fail(ALM_STATUS_MODEL,
                        "edge_conv: %d of feat2, norm2 and dir2 are given, expected all or none",
                        present);
    }
    const alm_vn_layer second = alm_vn_layer_at(a, 5);
    return alm_vn_layer_check("edge_conv", "2", &second, a->in[2].desc.dim[0]);
}

static alm_status infer(const alm_op_args *a, alm_desc *out)
{
    const alm_tensor *last = alm_optional(a, 5) ? &a->in[5] : &a->in[2];
    out[0] = alm_desc_3(ALM_DTYPE_F32, a->in[0].desc.dim[0], last->desc.dim[0], 3);
    return ALM_OK;
}

static const alm_kernel kernels[] = {
    {.name = "edge_conv_f32_avx512",
     .backend = ALM_BACKEND_CPU,
     .min_arch = ALM_CPU_AVX512,
     .accepts = alm_edge_conv_accepts_avx512,
     .workspace = alm_edge_conv_workspace_avx512,
     .run = alm_edge_conv_f32_avx512},
    {.name = "edge_conv_f32_avx2",
     .backend = ALM_BACKEND_CPU,
     .min_arch = ALM_CPU_AVX2,
     .accepts = alm_edge_conv_accepts_avx2,
     .workspace = alm_edge_conv_workspace_avx2,
     .run = alm_edge_conv_f32_avx2},
    {.name = "edge_conv_f32_ref",
     .backend = ALM_BACKEND_CPU,
     .min_arch = ALM_CPU_GENERIC,
     .workspace = alm_edge_conv_workspace_ref,
     .run = alm_edge_conv_f32_ref},
    {0},
};

const alm_op_def alm_op_edge_conv = {
    .name = "edge_conv",
    .in_min = 5,
    .in_max = 8,
    .out_count = 1,
    .count_from = 0,
    .in_place = ALM_NO_INPUT,
    .check = check,
    .infer = infer,
    .kernels = kernels,
};
