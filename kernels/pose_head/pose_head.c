/* The contract of `pose_head`: what it accepts, the shape of its output, its kernels. */
#include "kernels/pose_head/pose_head.h"

/* Inputs first ... first + 3: a norm of `n` channels and a linear layer that reads them; *m = its
 * outputs. */
static alm_status check_layer(const alm_op_args *a, int first, int64_t n, int64_t *m)
{
    static const char *const what[] = {"norm weight", "norm bias", "linear weight", "linear bias"};
    const alm_tensor *in = &a->in[first];
    for (int i = 0; i < 4; i++) {
        ALM_TRY(alm_check_weight("pose_head", what[i], &in[i]));
    }
    ALM_TRY(alm_check_shape("pose_head", what[0], &in[0], ALM_SHAPE(n)));
    ALM_TRY(alm_check_shape("pose_head", what[1], &in[1], ALM_SHAPE(n)));
    ALM_TRY(alm_check_shape("pose_head", what[2], &in[2], ALM_SHAPE(*m, n)));
    *m = in[2].desc.dim[0];
    return alm_check_shape("pose_head", what[3], &in[3], ALM_SHAPE(*m));
}

static alm_status check(const alm_op_args *a)
{
    if (a->n_in < 9 || a->n_in % 4 != 1) {
        return alm_fail(ALM_STATUS_INTERNAL, "pose_head: %d inputs, expected 9 and four a block",
                        a->n_in);
    }
    const alm_tensor *x = &a->in[0];
    ALM_TRY(alm_check_dtype("pose_head", "x", x, ALM_DTYPE_F32));
    ALM_TRY(alm_check_shape("pose_head", "x", x, ALM_SHAPE(1, -1)));
    const int last = a->n_in - 4;
    int64_t width = -1;
    ALM_TRY(check_layer(a, 1, x->desc.dim[1], &width));
    for (int i = 5; i < last; i += 4) {
        ALM_TRY(check_layer(a, i, width, &width));
    }
    int64_t outputs = -1;
    return check_layer(a, last, width, &outputs);
}

static alm_status infer(const alm_op_args *a, alm_desc *out)
{
    out[0] = alm_desc_2(ALM_DTYPE_F32, 1, a->in[a->n_in - 2].desc.dim[0]);
    return ALM_OK;
}

int64_t alm_pose_head_width(const alm_op_args *a)
{
    const int64_t d = a->in[0].desc.dim[1], h = a->in[3].desc.dim[0];
    return d > h ? d : h;
}

static const alm_kernel kernels[] = {
    {.name = "pose_head_f32_avx512",
     .min_arch = ALM_CPU_AVX512,
     .workspace = alm_pose_head_workspace_avx512,
     .run = alm_pose_head_f32_avx512},
    {.name = "pose_head_f32_avx2",
     .min_arch = ALM_CPU_AVX2,
     .workspace = alm_pose_head_workspace_avx2,
     .run = alm_pose_head_f32_avx2},
    {.name = "pose_head_f32_ref",
     .workspace = alm_pose_head_workspace_ref,
     .run = alm_pose_head_f32_ref},
    {.name = NULL},
};

const alm_op_def alm_op_pose_head = {
    .name = "pose_head",
    .in_min = 9,
    .in_max = 9 + 4 * ALM_POSE_HEAD_MAX_BLOCKS,
    .out_count = 1,
    .count_from = 0,
    .in_place = ALM_NO_INPUT,
    .check = check,
    .infer = infer,
    .kernels = kernels,
};
