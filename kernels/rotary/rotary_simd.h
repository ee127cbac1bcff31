/* Normalisation of a head and rotation on vectors: the mean of the squares in double, the rest in
 * float32. Compiled for AVX-512 and AVX2. */
#include <math.h>

#include "kernels/core/rows.h"
#include "kernels/core/simd_rows.h"
#include "kernels/rotary/rotary.h"

/* One head of a row. */
typedef struct head {
    bool x_bf16, out_bf16;
    const void *x;
    void *out;
    int64_t from, to;           /* first elements in x and out; d of them */
    const float *cosine, *sine; /* [d/2] */
    const alm_tensor *norm;     /* NULL: no normalisation */
    double eps;
    int64_t d;
} head;

static inline void turn(const head *h)
{
    const int64_t half = h->d / 2;
    const bool norm_bf16 = h->norm && h->norm->desc.dtype == ALM_DTYPE_BF16;
    alm_vf factor = alm_vf_zero();
    if (h->norm) {
        const double square = alm_row_squares(h->x_bf16, h->x, h->from, h->d, 0);
        factor = alm_vf_set1((float)(1 / sqrt(square / (double)h->d + h->eps)));
    }
    for (int64_t i = 0; i < half; i += ALM_VF_WIDTH) {
        const int64_t left = half - i;
        alm_vf a = alm_vf_load_weight(h->x_bf16, h->x, h->from + i, left);
        alm_vf b = alm_vf_load_weight(h->x_bf16, h->x, h->from + half + i, left);
        if (h->norm) {
            a = a * factor * alm_vf_load_weight(norm_bf16, h->norm->data, i, left);
            b = b * factor * alm_vf_load_weight(norm_bf16, h->norm->data, half + i, left);
        }
        const alm_vf c = alm_vf_load_n(h->cosine + i, left), s = alm_vf_load_n(h->sine + i, left);
        alm_vf_store_value(h->out_bf16, h->out, h->to + i, alm_vf_fnma(b, s, a * c), left);
        alm_vf_store_value(h->out_bf16, h->out, h->to + half + i, alm_vf_fma(a, s, b * c), left);
    }
}

/* Columns `first` ... of row r are copied. */
static void pass(const alm_op_args *a, int64_t r, int64_t first)
{
    const alm_tensor *x = &a->in[0], *out = &a->out[0];
    const bool x_bf16 = x->desc.dtype == ALM_DTYPE_BF16;
    const bool out_bf16 = out->desc.dtype == ALM_DTYPE_BF16;
    const int64_t n = x->desc.dim[1];
    for (int64_t i = first; x->data != out->data && i < n; i += ALM_VF_WIDTH) {
        const alm_vf v = alm_vf_load_weight(x_bf16, x->data, r * x->stride + i, n - i);
        alm_vf_store_value(out_bf16, out->data, r * out->stride + i, v, n - i);
    }
}

static void rows(const alm_op_args *a, int64_t begin, int64_t end)
{
    const alm_rotary_attr *attr = a->attr;
    const int64_t d = attr->head_dim, turned = attr->heads * d;
    for (int64_t r = begin; r < end; r++) {
        head h = {.x_bf16 = a->in[0].desc.dtype == ALM_DTYPE_BF16,
                  .out_bf16 = a->out[0].desc.dtype == ALM_DTYPE_BF16,
                  .x = a->in[0].data,
                  .out = a->out[0].data,
                  .cosine = alm_row(const float, &a->in[1], r),
                  .sine = alm_row(const float, &a->in[2], r),
                  .norm = alm_optional(a, 3),
                  .eps = attr->eps,
                  .d = d};
        for (int64_t at = 0; at < turned; at += d) {
            h.from = r * a->in[0].stride + at;
            h.to = r * a->out[0].stride + at;
            turn(&h);
        }
        pass(a, r, turned);
    }
}

alm_status ALM_SIMD_NAME(alm_rotary_f32)(const alm_exec *x, const alm_op_args *a)
{
    alm_for_rows(x, a, alm_rows(&a->in[0]), alm_rows_chunk(a->in[0].desc.dim[1]), rows);
    return ALM_OK;
}
