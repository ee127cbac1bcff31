/* knn as specified: all distances of a query, then k times the nearest point that is left. */
#include "kernels/knn/knn.h"

#include <math.h>

/* distance [N], then one byte a point: taken. */
size_t alm_knn_workspace_ref(const alm_op_args *a, const alm_device *device)
{
    (void)device;
    return (size_t)a->in[1].desc.dim[0] * (sizeof(float) + 1);
}

static float squared_distance(const float *p, const float *q, int64_t size)
{
    float sum = 0.0f;
    for (int64_t i = 0; i < size; i++) {
        const float difference = p[i] - q[i];
        sum += difference * difference;
    }
    return sum < INFINITY ? sum : INFINITY;
}

alm_status alm_knn_f32_ref(const alm_exec *x, const alm_op_args *a)
{
    (void)x;
    const alm_knn_attr *attr = a->attr;
    const alm_tensor *query = &a->in[0], *points = &a->in[1];
    const int64_t n = alm_rows(points), size = alm_desc_row(&points->desc);
    float *distance = a->workspace;
    unsigned char *taken = (unsigned char *)(distance + points->desc.dim[0]);
    for (int64_t q = 0; q < alm_rows(query); q++) {
        for (int64_t i = 0; i < n; i++) {
            distance[i] =
                squared_distance(alm_row(float, query, q), alm_row(float, points, i), size);
            taken[i] = 0;
        }
        for (int t = 0; t < attr->k && t < n; t++) {
            int64_t best = -1;
            for (int64_t i = 0; i < n; i++) {
                if (!taken[i] && (best < 0 || distance[i] < distance[best])) {
                    best = i;
                }
            }
            taken[best] = 1;
        }
        int32_t *row = alm_row(int32_t, &a->out[0], q);
        int at = 0;
        for (int64_t i = 0; i < n; i++) {
            if (taken[i]) {
                row[at++] = (int32_t)i;
            }
        }
        for (; at < attr->k; at++) {
            row[at] = n > 0 ? (int32_t)n - 1 : 0;
        }
    }
    return ALM_OK;
}
