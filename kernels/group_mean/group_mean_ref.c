/* group_mean as specified. */
#include "kernels/group_mean/group_mean.h"
#include "kernels/knn/knn.h"

alm_status alm_group_mean_f32_ref(const alm_exec *x, const alm_op_args *a)
{
    (void)x;
    const alm_tensor *in = &a->in[0], *index = &a->in[1];
    const int64_t size = alm_desc_row(&in->desc), k = index->desc.dim[1];
    ALM_TRY(alm_knn_index_check("group_mean", index, alm_rows(index), alm_rows(in)));
    for (int64_t p = 0; p < alm_rows(index); p++) {
        const int32_t *members = alm_row(const int32_t, index, p);
        float *out = alm_row(float, &a->out[0], p);
        for (int64_t c = 0; c < size; c++) {
            double sum = 0.0;
            for (int64_t t = 0; t < k; t++) {
                sum += (double)alm_row(const float, in, members[t])[c];
            }
            out[c] = (float)(sum / (double)k);
        }
    }
    return ALM_OK;
}
