/* Adds the features of a row's source, where it has any; other rows are copied. */
#include <string.h>

#include "kernels/core/rows.h"
#include "kernels/deepstack_add/deepstack_add.h"
#include "kernels/token_embed/token_embed.h"

/* The features of a kind of token: NULL when there are none. */
static const alm_tensor *features(const alm_op_args *a, int32_t kind)
{
    switch (kind) {
    case ALM_TOKEN_IMAGE: return alm_optional(a, 2);
    case ALM_TOKEN_POINT: return alm_optional(a, 3);
    default: return NULL;
    }
}

static void rows(const alm_op_args *a, int64_t begin, int64_t end)
{
    const int64_t width = a->in[0].desc.dim[1];
    for (int64_t r = begin; r < end; r++) {
        const int32_t *source = alm_row(const int32_t, &a->in[1], r);
        const alm_tensor *from = features(a, source[0]);
        const float *h = alm_row(const float, &a->in[0], r);
        float *out = alm_row(float, &a->out[0], r);
        if (!from) {
            memmove(out, h, (size_t)width * sizeof *out);
            continue;
        }
        const float *feature = alm_row(const float, from, source[1]);
        for (int64_t c = 0; c < width; c++) {
            out[c] = h[c] + feature[c];
        }
    }
}

alm_status alm_deepstack_add_f32_ref(const alm_exec *x, const alm_op_args *a)
{
    const int64_t n = alm_rows(&a->in[0]);
    for (int64_t r = 0; r < n; r++) {
        const int32_t *source = alm_row(const int32_t, &a->in[1], r);
        const alm_tensor *from = features(a, source[0]);
        if (from && (source[1] < 0 || source[1] >= alm_rows(from))) {
            return alm_fail(ALM_STATUS_INTERNAL,
                            "deepstack_add: row %lld wants row %d of source %d, which has %lld",
                            (long long)r, source[1], source[0], (long long)alm_rows(from));
        }
    }
    alm_for_rows(x, a, n, alm_rows_chunk(a->in[0].desc.dim[1]), rows);
    return ALM_OK;
}
