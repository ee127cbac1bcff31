/* Contract of layernorm: refuses weights that do not fit the rows, and an eps that is not a
 * positive number. */
#include "kernels/layernorm/layernorm.h"

#include <math.h>

static alm_status check(const alm_op_args *a)
{
    const alm_layernorm_attr *attr = a->attr;
    ALM_TRY(alm_check_dtype("layernorm", "x", &a->in[0], ALM_DTYPE_F32));
    ALM_TRY(alm_check_shape("layernorm", "x", &a->in[0], ALM_SHAPE(-1, -1)));
    ALM_TRY(alm_check_packed("layernorm", "x", &a->in[0]));
    const int64_t columns = a->in[0].desc.dim[1];
    ALM_TRY(alm_check_weight("layernorm", "weight", &a->in[1]));
    ALM_TRY(alm_check_shape("layernorm", "weight", &a->in[1], ALM_SHAPE(columns)));
    ALM_TRY(alm_check_weight("layernorm", "bias", &a->in[2]));
    ALM_TRY(alm_check_shape("layernorm", "bias", &a->in[2], ALM_SHAPE(columns)));
    if (columns < 1) {
        return alm_fail(ALM_STATUS_MODEL, "layernorm: rows of no element");
    }
    if (!isfinite(attr->eps) || !(attr->eps > 0)) {
        return alm_fail(ALM_STATUS_MODEL, "layernorm: eps is %g, expected more than 0", attr->eps);
    }
    return ALM_OK;
}

static alm_status infer(const alm_op_args *a, alm_desc *out)
{
    out[0] = a->in[0].desc;
    return ALM_OK;
}

static const alm_kernel kernels[] = {
    {.name = "layernorm_f32_avx512", .min_arch = ALM_CPU_AVX512, .run = alm_layernorm_f32_avx512},
    {.name = "layernorm_f32_avx2", .min_arch = ALM_CPU_AVX2, .run = alm_layernorm_f32_avx2},
    {.name = "layernorm_f32_ref", .run = alm_layernorm_f32_ref},
    {.name = NULL},
};

const alm_op_def alm_op_layernorm = {
    .name = "layernorm",
    .in_min = 3,
    .in_max = 3,
    .out_count = 1,
    .count_from = 0,
    .in_place = ALM_NO_INPUT,
    .check = check,
    .infer = infer,
    .kernels = kernels,
    .bf16_out = true,
};
