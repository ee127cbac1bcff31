/* mean_rows, written once for AVX-512 and AVX2: a task is a strip of columns, which it sums in
 * double in the order of the rows. The same bits as the reference.
 */
#include "kernels/core/simd.h"
#include "kernels/mean_rows/mean_rows.h"

enum { STRIP = 64 }; /* columns of a task */

/* Columns [strip·STRIP, ... + STRIP). */
static void one_strip(void *context, int64_t strip, int thread)
{
    (void)thread;
    const alm_op_args *a = context;
    const alm_tensor *x = &a->in[0];
    const int64_t rows = alm_rows(x), size = alm_desc_row(&x->desc), first = strip * STRIP;
    const int64_t n = size - first < STRIP ? size - first : STRIP;
    double sum[STRIP] = {0.0};
    for (int64_t i = 0; i < rows; i++) {
        const float *row = alm_row(const float, x, i) + first;
        if (n == STRIP) {
            for (int c = 0; c < STRIP; c++) {
                sum[c] += (double)row[c];
            }
        } else {
            for (int64_t c = 0; c < n; c++) {
                sum[c] += (double)row[c];
            }
        }
    }
    for (int64_t c = 0; c < n; c++) {
        ((float *)a->out[0].data)[first + c] = rows > 0 ? (float)(sum[c] / (double)rows) : 0.0f;
    }
}

alm_status ALM_SIMD_NAME(alm_mean_rows_f32)(const alm_exec *exec, const alm_op_args *a)
{
    const int64_t size = alm_desc_row(&a->in[0].desc);
    alm_parallel_for(exec->pool, (size + STRIP - 1) / STRIP, one_strip, (void *)a);
    return ALM_OK;
}
