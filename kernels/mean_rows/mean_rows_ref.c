/* mean_rows as specified. */
#include "kernels/mean_rows/mean_rows.h"

alm_status alm_mean_rows_f32_ref(const alm_exec *x, const alm_op_args *a)
{
    (void)x;
    const alm_tensor *in = &a->in[0];
    const int64_t n = alm_rows(in), size = alm_desc_row(&in->desc);
    float *out = a->out[0].data;
    for (int64_t c = 0; c < size; c++) {
        double sum = 0.0;
        for (int64_t i = 0; i < n; i++) {
            sum += (double)alm_row(const float, in, i)[c];
        }
        out[c] = n > 0 ? (float)(sum / (double)n) : 0.0f;
    }
    return ALM_OK;
}
