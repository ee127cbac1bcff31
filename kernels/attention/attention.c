/* Contract of attention: refuses heads that do not divide, rows that do not hold them, rules that
 * are not three integers a row. Bounds of rules outside of the keys are clamped. */
#include "kernels/attention/attention.h"

#include <math.h>

static alm_status check(const alm_op_args *a)
{
    const alm_attention_attr *attr = a->attr;
    if (attr->heads < 1 || attr->kv_heads < 1 || attr->heads % attr->kv_heads != 0 ||
        attr->head_dim < 1) {
        return alm_fail(ALM_STATUS_MODEL, "attention: %d heads over %d key heads of %d",
                        attr->heads, attr->kv_heads, attr->head_dim);
    }
    if (!isfinite(attr->scale)) {
        return alm_fail(ALM_STATUS_MODEL, "attention: scale is %g, expected a finite number",
                        (double)attr->scale);
    }
    const int64_t width = (int64_t)attr->heads * attr->head_dim;
    const int64_t kv_width = (int64_t)attr->kv_heads * attr->head_dim;
    const int64_t n = a->in[0].desc.dim[0], m = a->in[1].desc.dim[0];
    ALM_TRY(alm_check_operand("attention", "q", &a->in[0]));
    ALM_TRY(alm_check_shape("attention", "q", &a->in[0], ALM_SHAPE(-1, width)));
    ALM_TRY(alm_check_dtype("attention", "k", &a->in[1], a->in[0].desc.dtype));
    ALM_TRY(alm_check_shape("attention", "k", &a->in[1], ALM_SHAPE(-1, kv_width)));
    ALM_TRY(alm_check_dtype("attention", "v", &a->in[2], a->in[0].desc.dtype));
    ALM_TRY(alm_check_shape("attention", "v", &a->in[2], ALM_SHAPE(m, kv_width)));
    ALM_TRY(alm_check_dtype("attention", "query_rule", &a->in[3], ALM_DTYPE_I32));
    ALM_TRY(alm_check_shape("attention", "query_rule", &a->in[3], ALM_SHAPE(n, 3)));
    ALM_TRY(alm_check_dtype("attention", "key_rule", &a->in[4], ALM_DTYPE_I32));
    return alm_check_shape("attention", "key_rule", &a->in[4], ALM_SHAPE(m, 3));
}

static alm_status infer(const alm_op_args *a, alm_desc *out)
{
    out[0] = a->in[0].desc;
    out[0].dtype = ALM_DTYPE_F32;
    return ALM_OK;
}

/* The vector kernels number keys with floats. */
static bool has_few_keys(const alm_op_args *a)
{
    return a->in[1].desc.dim[0] <= 1 << 24;
}

static const alm_kernel kernels[] = {
    {.name = "attention_f32_avx512",
     .min_arch = ALM_CPU_AVX512,
     .accepts = has_few_keys,
     .workspace = alm_attention_workspace_avx512,
     .run = alm_attention_f32_avx512},
    {.name = "attention_f32_avx2",
     .min_arch = ALM_CPU_AVX2,
     .accepts = has_few_keys,
     .workspace = alm_attention_workspace_avx2,
     .run = alm_attention_f32_avx2},
    {.name = "attention_f32_ref", .run = alm_attention_f32_ref},
    {.name = NULL},
};

const alm_op_def alm_op_attention = {
    .name = "attention",
    .in_min = 5,
    .in_max = 5,
    .out_count = 1,
    .count_from = 0,
    .in_place = ALM_NO_INPUT,
    .check = check,
    .infer = infer,
    .kernels = kernels,
    .bf16_in = 1 << 0 | 1 << 1 | 1 << 2,
    .bf16_out = true,
};
