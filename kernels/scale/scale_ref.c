/* A tensor times one gate: one float32 product an element, nothing to accumulate. */
#include "kernels/core/numeric.h"
#include "kernels/core/rows.h"
#include "kernels/scale/scale.h"

static void rows(const alm_op_args *a, int64_t begin, int64_t end)
{
    const alm_scale_attr *attr = a->attr;
    const float gate =
        alm_weight_at(a->in[1].desc.dtype == ALM_DTYPE_BF16, a->in[1].data, attr->index);
    const int64_t columns = a->in[0].desc.dim[1];
    for (int64_t r = begin; r < end; r++) {
        const float *in = alm_row(const float, &a->in[0], r);
        float *out = alm_row(float, &a->out[0], r);
        for (int64_t c = 0; c < columns; c++) {
            out[c] = in[c] * gate;
        }
    }
}

alm_status alm_scale_f32_ref(const alm_exec *x, const alm_op_args *a)
{
    alm_for_rows(x, a, alm_rows(&a->in[0]), alm_rows_chunk(a->in[0].desc.dim[1]), rows);
    return ALM_OK;
}
