/* Contract of deepstack_norm: refuses what its two operations refuse. */
#include "kernels/deepstack_norm/deepstack_norm.h"

static const alm_tensor absent = {.desc = {.dtype = ALM_DTYPE_NONE}};

void alm_deepstack_norm_split(const alm_op_args *a, alm_deepstack_norm_steps *s)
{
    s->sum_in[0] = a->in[0];
    s->sum_in[1] = a->in[1];
    for (int i = 0; i < 2; i++) {
        const alm_tensor *features = alm_optional(a, 3 + i);
        s->sum_in[2 + i] = features ? *features : absent;
    }
    s->norm_in[0] = a->out ? a->out[1] : a->in[0];
    s->norm_in[1] = a->in[2];
    s->sum = (alm_op_args){
        .in = s->sum_in, .n_in = 4, .out = a->out ? &a->out[1] : NULL, .n_out = a->out ? 1 : 0};
    s->norm = (alm_op_args){
        .in = s->norm_in, .n_in = 2, .out = a->out, .n_out = a->out ? 1 : 0, .attr = a->attr};
}

static alm_status check(const alm_op_args *a)
{
    alm_deepstack_norm_steps s;
    const alm_op_args inputs = {.in = a->in, .n_in = a->n_in, .attr = a->attr};
    alm_deepstack_norm_split(&inputs, &s);
    ALM_TRY(alm_op_deepstack_add.check(&s.sum));
    return alm_op_rmsnorm.check(&s.norm);
}

static alm_status infer(const alm_op_args *a, alm_desc *out)
{
    out[0] = a->in[0].desc;
    out[1] = a->in[0].desc;
    return ALM_OK;
}

static const alm_kernel kernels[] = {
    {.name = "deepstack_norm_f32_ref", .run = alm_deepstack_norm_f32_ref},
    {.name = NULL},
};

const alm_op_def alm_op_deepstack_norm = {
    .name = "deepstack_norm",
    .in_min = 3,
    .in_max = 5,
    .out_count = 2,
    .count_from = 0,
    .in_place = ALM_NO_INPUT,
    .check = check,
    .infer = infer,
    .kernels = kernels,
    .bf16_out = true,
};
