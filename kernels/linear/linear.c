/* The contract of `linear`: what it accepts, the shape of its output, its kernels. */
#include "kernels/linear/linear.h"

static alm_status check_matrix(const alm_op_args *a, int input, const char *what)
{
    const alm_tensor *x = &a->in[0];
    const alm_tensor *weight = &a->in[input];
    ALM_TRY(alm_check_weight("linear", what, weight));
    char text[ALM_DESC_TEXT];
    if (weight->desc.rank < 2 || alm_desc_row(&weight->desc) != x->desc.dim[1]) {
        return alm_fail(ALM_STATUS_MODEL, "linear: %s is %s, expected [*, %lld]", what,
                        alm_desc_text(&weight->desc, text), (long long)x->desc.dim[1]);
    }
    if (weight->desc.dim[0] != a->in[1].desc.dim[0]) {
        return alm_fail(ALM_STATUS_MODEL, "linear: %s is %s, expected [%lld, %lld]", what,
                        alm_desc_text(&weight->desc, text), (long long)a->in[1].desc.dim[0],
                        (long long)x->desc.dim[1]);
    }
    return ALM_OK;
}

static alm_status check(const alm_op_args *a)
{
    const alm_linear_attr *attr = a->attr;
    const alm_tensor *x = &a->in[0];
    ALM_TRY(alm_check_operand("linear", "x", x));
    ALM_TRY(alm_check_shape("linear", "x", x, ALM_SHAPE(-1, -1)));
    if (!attr || (int)attr->epilogue < ALM_EPILOGUE_NONE || attr->epilogue > ALM_EPILOGUE_SWIGLU) {
        return alm_fail(ALM_STATUS_INTERNAL, "linear: the epilogue is %d, expected 0 to %d",
                        attr ? (int)attr->epilogue : -1, (int)ALM_EPILOGUE_SWIGLU);
    }
    ALM_TRY(check_matrix(a, 1, "weight"));
    const int64_t m = a->in[1].desc.dim[0];
    const alm_tensor *bias = alm_optional(a, 2);
    const alm_tensor *residual = alm_optional(a, 3);
    const bool swiglu = attr->epilogue == ALM_EPILOGUE_SWIGLU;
    if (bias) {
        ALM_TRY(alm_check_weight("linear", "bias", bias));
        ALM_TRY(alm_check_shape("linear", "bias", bias, ALM_SHAPE(m)));
    }
    if (residual) {
        ALM_TRY(alm_check_dtype("linear", "residual", residual, ALM_DTYPE_F32));
        ALM_TRY(alm_check_shape("linear", "residual", residual, ALM_SHAPE(x->desc.dim[0], m)));
    }
    if (swiglu != (alm_optional(a, 4) != NULL) || (swiglu && bias)) {
        return alm_fail(ALM_STATUS_INTERNAL,
                        "linear: SWIGLU takes up and no bias, the other epilogues take no up");
    }
    return swiglu ? check_matrix(a, 4, "up") : ALM_OK;
}

static alm_status infer(const alm_op_args *a, alm_desc *out)
{
    out[0] = alm_desc_2(ALM_DTYPE_F32, a->in[0].desc.dim[0], a->in[1].desc.dim[0]);
    return ALM_OK;
}

static const alm_kernel kernels[] = {
    {.name = "linear_f32_avx512",
     .backend = ALM_BACKEND_CPU,
     .min_arch = ALM_CPU_AVX512,
     .workspace = alm_linear_workspace_avx512,
     .run = alm_linear_f32_avx512},
    {.name = "linear_f32_avx2",
     .backend = ALM_BACKEND_CPU,
     .min_arch = ALM_CPU_AVX2,
     .workspace = alm_linear_workspace_avx2,
     .run = alm_linear_f32_avx2},
    {.name = "linear_f32_ref", .backend = ALM_BACKEND_CPU, .run = alm_linear_f32_ref},
    {.name = NULL},
};

const alm_op_def alm_op_linear = {
    .name = "linear",
    .in_min = 2,
    .in_max = 5,
    .out_count = 1,
    .count_from = 0,
    .in_place = 3,
    .check = check,
    .infer = infer,
    .kernels = kernels,
    .bf16_in = 1 << 0,
    .bf16_out = true,
    .bf16_weights = 1 << 1 | 1 << 4,
};
