/* Copies rows of three sources; bf16 rows are widened, which is exact. */
#include <string.h>

#include "kernels/core/numeric.h"
#include "kernels/core/rows.h"
#include "kernels/token_embed/token_embed.h"

static void rows(const alm_op_args *a, int64_t begin, int64_t end)
{
    const int64_t width = a->in[1].desc.dim[1];
    for (int64_t r = begin; r < end; r++) {
        const int32_t *source = alm_row(const int32_t, &a->in[0], r);
        const alm_tensor *from = &a->in[1 + source[0]];
        const int64_t at = source[1] * from->stride;
        float *out = alm_row(float, &a->out[0], r);
        if (from->desc.dtype == ALM_DTYPE_F32) {
            memcpy(out, (const float *)from->data + at, (size_t)width * sizeof *out);
            continue;
        }
        for (int64_t c = 0; c < width; c++) {
            out[c] = alm_bf16_to_f32(((const alm_bf16 *)from->data)[at + c]);
        }
    }
}

alm_status alm_token_embed_f32_ref(const alm_exec *x, const alm_op_args *a)
{
    const int64_t n = alm_rows(&a->in[0]);
    for (int64_t r = 0; r < n; r++) {
        const int32_t *source = alm_row(const int32_t, &a->in[0], r);
        if (source[0] < ALM_TOKEN_TEXT || source[0] > ALM_TOKEN_POINT) {
            return alm_fail(ALM_STATUS_INTERNAL, "token_embed: row %lld has source %d",
                            (long long)r, source[0]);
        }
        const int64_t have = alm_rows(&a->in[1 + source[0]]);
        if (source[1] < 0 || source[1] >= have) {
            return alm_fail(ALM_STATUS_INTERNAL,
                            "token_embed: row %lld wants row %d of source %d, which has %lld",
                            (long long)r, source[1], source[0], (long long)have);
        }
    }
    alm_for_rows(x, a, n, alm_rows_chunk(a->in[1].desc.dim[1]), rows);
    return ALM_OK;
}
