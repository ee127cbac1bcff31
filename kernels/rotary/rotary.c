/* Contract of rotary: refuses an odd head size, heads that do not fit the rows, tables that do not
 * fit the heads. */
#include "kernels/rotary/rotary.h"

#include <math.h>

static alm_status check(const alm_op_args *a)
{
    const alm_rotary_attr *attr = a->attr;
    ALM_TRY(alm_check_operand("rotary", "x", &a->in[0]));
    ALM_TRY(alm_check_shape("rotary", "x", &a->in[0], ALM_SHAPE(-1, -1)));
    ALM_TRY(alm_check_packed("rotary", "x", &a->in[0]));
    const int64_t n = a->in[0].desc.dim[0], width = a->in[0].desc.dim[1];
    if (attr->heads < 1 || attr->head_dim < 2 || attr->head_dim % 2 != 0 ||
        (int64_t)attr->heads * attr->head_dim > width) {
        return alm_fail(ALM_STATUS_MODEL, "rotary: %d heads of %d in rows of %lld", attr->heads,
                        attr->head_dim, (long long)width);
    }
    const int64_t half = attr->head_dim / 2;
    ALM_TRY(alm_check_dtype("rotary", "cos", &a->in[1], ALM_DTYPE_F32));
    ALM_TRY(alm_check_shape("rotary", "cos", &a->in[1], ALM_SHAPE(n, half)));
    ALM_TRY(alm_check_dtype("rotary", "sin", &a->in[2], ALM_DTYPE_F32));
    ALM_TRY(alm_check_shape("rotary", "sin", &a->in[2], ALM_SHAPE(n, half)));
    const alm_tensor *norm = alm_optional(a, 3);
    if (norm) {
        ALM_TRY(alm_check_weight("rotary", "norm", norm));
        ALM_TRY(alm_check_shape("rotary", "norm", norm, ALM_SHAPE(attr->head_dim)));
        if (!isfinite(attr->eps) || !(attr->eps > 0)) {
            return alm_fail(ALM_STATUS_MODEL, "rotary: eps is %g, expected more than 0", attr->eps);
        }
    }
    return ALM_OK;
}

static alm_status infer(const alm_op_args *a, alm_desc *out)
{
    out[0] = a->in[0].desc;
    out[0].dtype = ALM_DTYPE_F32;
    return ALM_OK;
}

static const alm_kernel kernels[] = {
    {.name = "rotary_f32_avx512", .min_arch = ALM_CPU_AVX512, .run = alm_rotary_f32_avx512},
    {.name = "rotary_f32_avx2", .min_arch = ALM_CPU_AVX2, .run = alm_rotary_f32_avx2},
    {.name = "rotary_f32_ref", .run = alm_rotary_f32_ref},
    {.name = NULL},
};

const alm_op_def alm_op_rotary = {
    .name = "rotary",
    .in_min = 3,
    .in_max = 4,
    .out_count = 1,
    .count_from = 0,
    .in_place = 0,
    .check = check,
    .infer = infer,
    .kernels = kernels,
    .bf16_in = 1 << 0,
    .bf16_out = true,
};
