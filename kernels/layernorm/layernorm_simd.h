/* Layer normalisation on vectors: mean and variance in double, in two passes over a row that is in
 * the cache; the rest in float32. Compiled for AVX-512 and AVX2. */
#include <math.h>

#include "kernels/core/rows.h"
#include "kernels/core/simd_rows.h"
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
        const double mean = alm_row_sum(x, n) / (double)n;
        const double variance = alm_row_squares(false, x, 0, n, mean) / (double)n;
        const alm_vf shift = alm_vf_set1((float)mean);
        const alm_vf factor = alm_vf_set1((float)(1 / sqrt(variance + attr->eps)));
        for (int64_t i = 0; i < n; i += ALM_VF_WIDTH) {
            const alm_vf v = (alm_vf_load_n(x + i, n - i) - shift) * factor;
            const alm_vf weight = alm_vf_load_weight(bf16_weight, a->in[1].data, i, n - i);
            const alm_vf bias = alm_vf_load_weight(bf16_bias, a->in[2].data, i, n - i);
            alm_vf_store_value(out_bf16, out->data, r * out->stride + i,
                               alm_vf_fma(v, weight, bias), n - i);
        }
    }
}

alm_status ALM_SIMD_NAME(alm_layernorm_f32)(const alm_exec *x, const alm_op_args *a)
{
    alm_for_rows(x, a, alm_rows(&a->in[0]), alm_rows_chunk(a->in[0].desc.dim[1]), rows);
    return ALM_OK;
}
