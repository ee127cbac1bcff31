/* Contract of branch_tokens. Refuses: patches of different shapes, frames that are not [3, 3]. */
#include "kernels/branch_tokens/branch_tokens.h"

static alm_status check(const alm_op_args *a)
{
    static const char *const name[] = {"fixed_patch", "fixed_frame", "moving_patch",
                                       "moving_frame"};
    for (int i = 0; i < 4; i++) {
        ALM_TRY(alm_check_dtype("branch_tokens", name[i], &a->in[i], ALM_DTYPE_F32));
    }
    ALM_TRY(alm_check_shape("branch_tokens", name[0], &a->in[0], ALM_SHAPE(-1, -1, 3)));
    ALM_TRY(alm_check_shape("branch_tokens", name[1], &a->in[1], ALM_SHAPE(3, 3)));
    ALM_TRY(alm_check_shape("branch_tokens", name[2], &a->in[2],
                            ALM_SHAPE(a->in[0].desc.dim[0], a->in[0].desc.dim[1], 3)));
    return alm_check_shape("branch_tokens", name[3], &a->in[3], ALM_SHAPE(3, 3));
}

static alm_status infer(const alm_op_args *a, alm_desc *out)
{
    const alm_desc *patch = &a->in[0].desc;
    out[0] = alm_desc_2(ALM_DTYPE_F32, 4 * patch->dim[0], 3 * patch->dim[1]);
    return ALM_OK;
}

static const alm_kernel kernels[] = {
    {.name = "branch_tokens_f32_ref",
     .backend = ALM_BACKEND_CPU,
     .min_arch = ALM_CPU_GENERIC,
     .run = alm_branch_tokens_f32_ref},
    {0},
};

const alm_op_def alm_op_branch_tokens = {
    .name = "branch_tokens",
    .in_min = 4,
    .in_max = 4,
    .out_count = 1,
    .count_from = ALM_NO_INPUT,
    .in_place = ALM_NO_INPUT,
    .check = check,
    .infer = infer,
    .kernels = kernels,
};
