/* edge_conv as specified: edge by edge, in double. */
#include "kernels/edge_conv/edge_conv.h"
#include "kernels/knn/knn.h"

#include "kernels/vn_linear/vn_linear.h"

/* The edge [2C, 3], the layers' outputs [C1, 3] and [C2, 3], the sum [C2 or C1, 3] */
size_t alm_edge_conv_workspace_ref(const alm_op_args *a, const alm_device *device)
{
    (void)device;
    const int64_t first = a->in[2].desc.dim[0];
    const int64_t last = alm_optional(a, 5) ? a->in[5].desc.dim[0] : first;
    return (size_t)(3 * (2 * a->in[0].desc.dim[1] + first + 2 * last)) * sizeof(double);
}

alm_status alm_edge_conv_f32_ref(const alm_exec *exec, const alm_op_args *a)
{
    (void)exec;
    const alm_tensor *x = &a->in[0], *index = &a->in[1];
    const int64_t size = 3 * x->desc.dim[1], k = index->desc.dim[1];
    const bool two = alm_optional(a, 5) != NULL;
    const alm_vn_layer first = alm_vn_layer_at(a, 2);
    const alm_vn_layer second = two ? alm_vn_layer_at(a, 5) : first;
    const int64_t middle = 3 * first.feat->desc.dim[0], last = 3 * second.feat->desc.dim[0];
    ALM_TRY(alm_knn_index_check("edge_conv", index, alm_rows(x), alm_rows(x)));
    double *edge = a->workspace, *y1 = edge + 2 * size, *y2 = y1 + middle, *sum = y2 + last;
    for (int64_t i = 0; i < alm_rows(x); i++) {
        const float *here = alm_row(const float, x, i);
        for (int64_t c = 0; c < last; c++) {
            sum[c] = 0.0;
        }
        for (int64_t t = 0; t < k; t++) {
            const float *there = alm_row(const float, x, alm_row(const int32_t, index, i)[t]);
            for (int64_t c = 0; c < size; c++) {
                edge[c] = (double)there[c] - (double)here[c];
                edge[size + c] = (double)here[c];
            }
            alm_vn_layer_ref(&first, edge, y1);
            if (two) {
                alm_vn_layer_ref(&second, y1, y2);
            }
            for (int64_t c = 0; c < last; c++) {
                sum[c] += two ? y2[c] : y1[c];
            }
        }
        for (int64_t c = 0; c < last; c++) {
            alm_row(float, &a->out[0], i)[c] = (float)(sum[c] / (double)k);
        }
    }
    return ALM_OK;
}
