/* Weighted sums of table rows, summed in double. Runs once a page: plain C is fast enough. */
#include "kernels/core/numeric.h"
#include "kernels/core/rows.h"
#include "kernels/weighted_gather/weighted_gather.h"

static void rows(const alm_op_args *a, int64_t begin, int64_t end)
{
    const bool is_bf16 = a->in[2].desc.dtype == ALM_DTYPE_BF16;
    const int64_t terms = a->in[0].desc.dim[1], columns = a->in[2].desc.dim[1];
    for (int64_t r = begin; r < end; r++) {
        const int32_t *index = alm_row(const int32_t, &a->in[0], r);
        const float *weight = alm_row(const float, &a->in[1], r);
        float *out = alm_row(float, &a->out[0], r);
        for (int64_t c = 0; c < columns; c++) {
            double sum = 0;
            for (int64_t j = 0; j < terms; j++) {
                sum += (double)weight[j] *
                       (double)alm_weight_at(is_bf16, a->in[2].data, index[j] * columns + c);
            }
            out[c] = (float)sum;
        }
    }
}

alm_status alm_weighted_gather_f32_ref(const alm_exec *x, const alm_op_args *a)
{
    const int64_t n = alm_rows(&a->in[0]), table = alm_rows(&a->in[2]);
    for (int64_t r = 0; r < n; r++) {
        const int32_t *index = alm_row(const int32_t, &a->in[0], r);
        for (int64_t j = 0; j < a->in[0].desc.dim[1]; j++) {
            if (index[j] < 0 || index[j] >= table) {
                return alm_fail(ALM_STATUS_INTERNAL,
                                "weighted_gather: index %d of row %lld, the table has %lld rows",
                                index[j], (long long)r, (long long)table);
            }
        }
    }
    alm_for_rows(x, a, n, alm_rows_chunk(a->in[2].desc.dim[1]), rows);
    return ALM_OK;
}
