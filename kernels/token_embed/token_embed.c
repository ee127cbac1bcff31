/* Contract of token_embed: refuses sources of different widths. A row that its source does not have
 * is refused when it runs. */
#include "kernels/token_embed/token_embed.h"

static alm_status check(const alm_op_args *a)
{
    ALM_TRY(alm_check_dtype("token_embed", "source", &a->in[0], ALM_DTYPE_I32));
    ALM_TRY(alm_check_shape("token_embed", "source", &a->in[0], ALM_SHAPE(-1, 2)));
    ALM_TRY(alm_check_weight("token_embed", "table", &a->in[1]));
    ALM_TRY(alm_check_shape("token_embed", "table", &a->in[1], ALM_SHAPE(-1, -1)));
    const int64_t width = a->in[1].desc.dim[1];
    if (alm_present(&a->in[2])) {
        ALM_TRY(alm_check_dtype("token_embed", "image", &a->in[2], ALM_DTYPE_F32));
        ALM_TRY(alm_check_shape("token_embed", "image", &a->in[2], ALM_SHAPE(-1, width)));
    }
    ALM_TRY(alm_check_dtype("token_embed", "point", &a->in[3], ALM_DTYPE_F32));
    return alm_check_shape("token_embed", "point", &a->in[3], ALM_SHAPE(-1, width));
}

static alm_status infer(const alm_op_args *a, alm_desc *out)
{
    out[0] = alm_desc_2(ALM_DTYPE_F32, a->in[0].desc.dim[0], a->in[1].desc.dim[1]);
    return ALM_OK;
}

static const alm_kernel kernels[] = {
    {.name = "token_embed_f32_ref", .run = alm_token_embed_f32_ref},
    {.name = NULL},
};

const alm_op_def alm_op_token_embed = {
    .name = "token_embed",
    .in_min = 4,
    .in_max = 4,
    .out_count = 1,
    .count_from = 0,
    .in_place = ALM_NO_INPUT,
    .check = check,
    .infer = infer,
    .kernels = kernels,
};
