/* Normalisation of a head and rotation on vectors: the mean of the squares in double, the rest in
 * float32. Compiled for AVX-512 and AVX2. */
#include <math.h>
#include <string.h>

#include "kernels/core/rows.h"
#include "kernels/core/simd_rows.h"
#include "kernels/rotary/rotary.h"

/* One head: x and out [d], cosine and sine [d/2]; norm NULL: no normalisation. */
static void turn(const float *x, const float *cosine, const float *sine, const alm_tensor *norm,
                 double eps, int64_t d, float *out)
{
    const int64_t half = d / 2;
    const bool is_bf16 = norm && norm->desc.dtype == ALM_DTYPE_BF16;
    alm_vf factor = alm_vf_zero();
    if (norm) {
        factor = alm_vf_set1((float)(1 / sqrt(alm_row_squares(x, d, 0) / (double)d + eps)));
    }
    for (int64_t i = 0; i < half; i += ALM_VF_WIDTH) {
        const int64_t left = half - i;
        alm_vf a = alm_vf_load_n(x + i, left), b = alm_vf_load_n(x + half + i, left);
        if (norm) {
            a = a * factor * alm_vf_load_weight(is_bf16, norm->data, i, left);
            b = b * factor * alm_vf_load_weight(is_bf16, norm->data, half + i, left);
        }
        const alm_vf c = alm_vf_load_n(cosine + i, left), s = alm_vf_load_n(sine + i, left);
        alm_vf_store_n(out + i, alm_vf_fnma(b, s, a * c), left);
        alm_vf_store_n(out + half + i, alm_vf_fma(a, s, b * c), left);
    }
}

static void rows(const alm_op_args *a, int64_t begin, int64_t end)
{
    const alm_rotary_attr *attr = a->attr;
    const int64_t d = attr->head_dim, turned = attr->heads * d, width = a->in[0].desc.dim[1];
    for (int64_t r = begin; r < end; r++) {
        const float *x = alm_row(const float, &a->in[0], r);
        const float *cosine = alm_row(const float, &a->in[1], r);
        const float *sine = alm_row(const float, &a->in[2], r);
        float *out = alm_row(float, &a->out[0], r);
        for (int64_t h = 0; h < turned; h += d) {
            turn(x + h, cosine, sine, alm_optional(a, 3), attr->eps, d, out + h);
        }
        if (out != x) {
            memcpy(out + turned, x + turned, (size_t)(width - turned) * sizeof *out);
        }
    }
}

alm_status ALM_SIMD_NAME(alm_rotary_f32)(const alm_exec *x, const alm_op_args *a)
{
    alm_for_rows(x, a, alm_rows(&a->in[0]), alm_rows_chunk(a->in[0].desc.dim[1]), rows);
    return ALM_OK;
}
