/* Normalisation of a head and rotation as they are written, in double, rounded once. */
#include <math.h>
#include <string.h>

#include "kernels/core/numeric.h"
#include "kernels/core/rows.h"
#include "kernels/rotary/rotary.h"

static void rows(const alm_op_args *a, int64_t begin, int64_t end)
{
    const alm_rotary_attr *attr = a->attr;
    const alm_tensor *norm = alm_optional(a, 3);
    const bool is_bf16 = norm && norm->desc.dtype == ALM_DTYPE_BF16;
    const int64_t d = attr->head_dim, turned = attr->heads * d, width = a->in[0].desc.dim[1];
    for (int64_t r = begin; r < end; r++) {
        const float *x = alm_row(const float, &a->in[0], r);
        const float *cosine = alm_row(const float, &a->in[1], r);
        const float *sine = alm_row(const float, &a->in[2], r);
        float *out = alm_row(float, &a->out[0], r);
        for (int64_t h = 0; h < turned; h += d) {
            double square = 0;
            for (int64_t i = 0; i < d; i++) {
                square += (double)x[h + i] * (double)x[h + i];
            }
            const double factor = norm ? 1 / sqrt(square / (double)d + attr->eps) : 1;
            for (int64_t i = 0; i < d / 2; i++) {
                const int64_t j = i + d / 2;
                double left = (double)x[h + i] * factor, right = (double)x[h + j] * factor;
                if (norm) {
                    left *= (double)alm_weight_at(is_bf16, norm->data, i);
                    right *= (double)alm_weight_at(is_bf16, norm->data, j);
                }
                const double c = (double)cosine[i], s = (double)sine[i];
                out[h + i] = (float)(left * c - right * s);
                out[h + j] = (float)(right * c + left * s);
            }
        }
        memmove(out + turned, x + turned, (size_t)(width - turned) * sizeof *out);
    }
}

alm_status alm_rotary_f32_ref(const alm_exec *x, const alm_op_args *a)
{
    alm_for_rows(x, a, alm_rows(&a->in[0]), alm_rows_chunk(a->in[0].desc.dim[1]), rows);
    return ALM_OK;
}
