/* Normalisation of a head and rotation as they are written, in double, rounded once. */
#include <math.h>

#include "kernels/core/numeric.h"
#include "kernels/core/rows.h"
#include "kernels/rotary/rotary.h"

static void rows(const alm_op_args *a, int64_t begin, int64_t end)
{
    const alm_rotary_attr *attr = a->attr;
    const alm_tensor *norm = alm_optional(a, 3);
    const bool is_bf16 = norm && norm->desc.dtype == ALM_DTYPE_BF16;
    const int64_t d = attr->head_dim, turned = attr->heads * d, width = a->in[0].desc.dim[1];
    const bool x_bf16 = a->in[0].desc.dtype == ALM_DTYPE_BF16;
    const bool out_bf16 = a->out[0].desc.dtype == ALM_DTYPE_BF16;
    const void *x = a->in[0].data;
    void *out = a->out[0].data;
    for (int64_t r = begin; r < end; r++) {
        const int64_t from = r * a->in[0].stride, to = r * a->out[0].stride;
        const float *cosine = alm_row(const float, &a->in[1], r);
        const float *sine = alm_row(const float, &a->in[2], r);
        for (int64_t h = 0; h < turned; h += d) {
            double square = 0;
            for (int64_t i = 0; i < d; i++) {
                const double value = (double)alm_weight_at(x_bf16, x, from + h + i);
                square += value * value;
            }
            const double factor = norm ? 1 / sqrt(square / (double)d + attr->eps) : 1;
            for (int64_t i = 0; i < d / 2; i++) {
                const int64_t j = i + d / 2;
                double left = (double)alm_weight_at(x_bf16, x, from + h + i) * factor;
                double right = (double)alm_weight_at(x_bf16, x, from + h + j) * factor;
                if (norm) {
                    left *= (double)alm_weight_at(is_bf16, norm->data, i);
                    right *= (double)alm_weight_at(is_bf16, norm->data, j);
                }
                const double c = (double)cosine[i], s = (double)sine[i];
                alm_value_store(out_bf16, out, to + h + i, (float)(left * c - right * s));
                alm_value_store(out_bf16, out, to + h + j, (float)(right * c + left * s));
            }
        }
        for (int64_t i = turned; i < width; i++) {
            alm_value_store(out_bf16, out, to + i, alm_weight_at(x_bf16, x, from + i));
        }
    }
}

alm_status alm_rotary_f32_ref(const alm_exec *x, const alm_op_args *a)
{
    alm_for_rows(x, a, alm_rows(&a->in[0]), alm_rows_chunk(a->in[0].desc.dim[1]), rows);
    return ALM_OK;
}
