/* group_mean, written once for AVX-512 and AVX2: a task is a group; sums in float32, in the order
 * of the index.
 */
#include "kernels/core/simd.h"
#include "kernels/group_mean/group_mean.h"
#include "kernels/knn/knn.h"

static void one_group(void *context, int64_t group, int thread)
{
    (void)thread;
    const alm_op_args *a = context;
    const alm_tensor *x = &a->in[0];
    const int64_t size = alm_desc_row(&x->desc), k = a->in[1].desc.dim[1];
    const int32_t *members = alm_row(const int32_t, &a->in[1], group);
    float *out = alm_row(float, &a->out[0], group);
    const alm_vf count = alm_vf_set1((float)k);
    for (int64_t c = 0; c < size; c += ALM_VF_WIDTH) {
        alm_vf sum = alm_vf_zero();
        for (int64_t t = 0; t < k; t++) {
            sum = sum + alm_vf_load_n(alm_row(const float, x, members[t]) + c, size - c);
        }
        alm_vf_store_n(out + c, sum / count, size - c);
    }
}

alm_status ALM_SIMD_NAME(alm_group_mean_f32)(const alm_exec *exec, const alm_op_args *a)
{
    const int64_t groups = alm_rows(&a->in[1]);
    ALM_TRY(alm_knn_index_check("group_mean", &a->in[1], groups, alm_rows(&a->in[0])));
    alm_parallel_for(exec->pool, groups, one_group, (void *)a);
    return ALM_OK;
}
