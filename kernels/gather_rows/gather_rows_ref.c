/* Copies rows. Indices are clamped to the rows in use; without any the result is zero. */
#include <string.h>

#include "kernels/core/rows.h"
#include "kernels/gather_rows/gather_rows.h"

static void rows(const alm_op_args *a, int64_t begin, int64_t end)
{
    const int64_t n = alm_rows(&a->in[0]);
    const alm_tensor *out = &a->out[0];
    const size_t size = alm_dtype_size(out->desc.dtype);
    for (int64_t r = begin; r < end; r++) {
        const int64_t wanted = *alm_row(const int32_t, &a->in[1], r);
        const int64_t index = wanted >= n ? n - 1 : wanted < 0 ? 0 : wanted;
        if (n < 1) {
            memset((char *)out->data + (size_t)(r * out->stride) * size, 0,
                   (size_t)alm_desc_row(&out->desc) * size);
        } else {
            alm_copy_row(&a->in[0], index, out, r);
        }
    }
}

alm_status alm_gather_rows_f32_ref(const alm_exec *x, const alm_op_args *a)
{
    alm_for_rows(x, a, alm_rows(&a->in[1]), alm_rows_chunk(alm_desc_row(&a->in[0].desc)), rows);
    return ALM_OK;
}
