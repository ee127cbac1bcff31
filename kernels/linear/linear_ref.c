/* The specification of `linear`: double accumulation, one element after another, a BF16 result
 * rounded from float32. Never optimised. */
#include "kernels/linear/linear.h"

#include <math.h>

#include "kernels/core/numeric.h"

/* Σ_k x[n, k]·weight[m, k] */
static double product(const alm_tensor *x, int64_t n, const alm_tensor *weight, int64_t m)
{
    const bool x_bf16 = x->desc.dtype == ALM_DTYPE_BF16;
    const bool weight_bf16 = weight->desc.dtype == ALM_DTYPE_BF16;
    const int64_t k_count = alm_desc_row(&weight->desc);
    double sum = 0;
    for (int64_t k = 0; k < k_count; k++) {
        sum += (double)alm_weight_at(x_bf16, x->data, n * x->stride + k) *
               (double)alm_weight_at(weight_bf16, weight->data, m * k_count + k);
    }
    return sum;
}

static double epilogue(alm_epilogue kind, double v)
{
    static const double root_half = 0.70710678118654752440;        /* √(1/2) */
    static const double root_two_over_pi = 0.79788456080286535588; /* √(2/π) */
    switch (kind) {
    case ALM_EPILOGUE_RELU: return v < 0 ? 0 : v;
    case ALM_EPILOGUE_SILU: return v / (1 + exp(-v));
    case ALM_EPILOGUE_GELU_ERF: return 0.5 * v * (1 + erf(v * root_half));
    case ALM_EPILOGUE_GELU_TANH:
        return 0.5 * v * (1 + tanh(root_two_over_pi * (v + 0.044715 * v * v * v)));
    case ALM_EPILOGUE_SWIGLU:
    case ALM_EPILOGUE_NONE: break;
    }
    return v;
}

alm_status alm_linear_f32_ref(const alm_exec *x, const alm_op_args *a)
{
    (void)x;
    const alm_linear_attr *attr = a->attr;
    const alm_tensor *bias = alm_optional(a, 2);
    const alm_tensor *residual = alm_optional(a, 3);
    const alm_tensor *up = alm_optional(a, 4);
    const alm_tensor *in = &a->in[0], *out = &a->out[0];
    const bool out_bf16 = out->desc.dtype == ALM_DTYPE_BF16;
    const int64_t rows = alm_rows(in);
    const int64_t columns = a->in[1].desc.dim[0];
    for (int64_t n = 0; n < rows; n++) {
        for (int64_t m = 0; m < columns; m++) {
            double v = product(in, n, &a->in[1], m);
            if (bias) {
                v += (double)alm_weight_at(bias->desc.dtype == ALM_DTYPE_BF16, bias->data, m);
            }
            v = up ? epilogue(ALM_EPILOGUE_SILU, v) * product(in, n, up, m)
                   : epilogue(attr->epilogue, v);
            if (residual) {
                v += (double)alm_row(const float, residual, n)[m];
            }
            alm_value_store(out_bf16, out->data, n * out->stride + m, (float)v);
        }
    }
    return ALM_OK;
}
