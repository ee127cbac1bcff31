/* Layer normalisation as it is written, in double. */
#include <math.h>

#include "kernels/core/numeric.h"
#include "kernels/core/rows.h"
#include "kernels/layernorm/layernorm.h"

static void rows(const alm_op_args *a, int64_t begin, int64_t end)
{
    const alm_layernorm_attr *attr = a->attr;
    const int64_t n = a->in[0].desc.dim[1];
    const bool bf16_weight = a->in[1].desc.dtype == ALM_DTYPE_BF16;
    const bool bf16_bias = a->in[2].desc.dtype == ALM_DTYPE_BF16;
    const alm_tensor *out = &a->out[0];
    const bool out_bf16 = out->desc.dtype == ALM_DTYPE_BF16;
    for (int64_t r = begin; r < end; r++) {
        const float *x = alm_row(const float, &a->in[0], r);
        double mean = 0, variance = 0;
        for (int64_t i = 0; i < n; i++) {
            mean += (double)x[i];
        }
        mean /= (double)n;
        for (int64_t i = 0; i < n; i++) {
            variance += ((double)x[i] - mean) * ((double)x[i] - mean);
        }
        variance /= (double)n;
        const double factor = 1 / sqrt(variance + attr->eps);
        for (int64_t i = 0; i < n; i++) {
            const double weight = (double)alm_weight_at(bf16_weight, a->in[1].data, i);
            const double bias = (double)alm_weight_at(bf16_bias, a->in[2].data, i);
            const double value = ((double)x[i] - mean) * factor * weight + bias;
            alm_value_store(out_bf16, out->data, r * out->stride + i, (float)value);
        }
    }
}

alm_status alm_layernorm_f32_ref(const alm_exec *x, const alm_op_args *a)
{
    alm_for_rows(x, a, alm_rows(&a->in[0]), alm_rows_chunk(a->in[0].desc.dim[1]), rows);
    return ALM_OK;
}
