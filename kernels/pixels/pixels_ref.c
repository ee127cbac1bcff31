/* Bytes to normalised pixels. The arithmetic is float32 by contract: it is what the model was
 * trained with. */
#include "kernels/core/numeric.h"
#include "kernels/core/rows.h"
#include "kernels/pixels/pixels.h"

static void rows(const alm_op_args *a, int64_t begin, int64_t end)
{
    const alm_pixels_attr *attr = a->attr;
    const int64_t channel = a->in[0].desc.dim[1] / 3;
    const alm_tensor *out = &a->out[0];
    const bool out_bf16 = out->desc.dtype == ALM_DTYPE_BF16;
    for (int64_t r = begin; r < end; r++) {
        for (int64_t c = 0; c < 3; c++) {
            const uint8_t *from = alm_row(const uint8_t, &a->in[0], r) + c * channel;
            const int64_t to = r * out->stride + c * channel;
            const float shift = 255.0f * attr->mean[c], divisor = 255.0f * attr->std[c];
            for (int64_t i = 0; i < channel; i++) {
                alm_value_store(out_bf16, out->data, to + i, ((float)from[i] - shift) / divisor);
            }
        }
    }
}

alm_status alm_pixels_f32_ref(const alm_exec *x, const alm_op_args *a)
{
    alm_for_rows(x, a, alm_rows(&a->in[0]), alm_rows_chunk(a->in[0].desc.dim[1]), rows);
    return ALM_OK;
}
