/* Sums of two tensors: one float32 addition an element, nothing to accumulate. */
#include "kernels/add/add.h"
#include "kernels/core/rows.h"

static void rows(const alm_op_args *a, int64_t begin, int64_t end)
{
    const int64_t columns = a->in[0].desc.dim[1];
    for (int64_t r = begin; r < end; r++) {
        const float *left = alm_row(const float, &a->in[0], r);
        const float *right = alm_row(const float, &a->in[1], r);
        float *out = alm_row(float, &a->out[0], r);
        for (int64_t c = 0; c < columns; c++) {
            out[c] = left[c] + right[c];
        }
    }
}

alm_status alm_add_f32_ref(const alm_exec *x, const alm_op_args *a)
{
    alm_for_rows(x, a, alm_rows(&a->in[0]), alm_rows_chunk(a->in[0].desc.dim[1]), rows);
    return ALM_OK;
}
