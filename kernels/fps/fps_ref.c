/* fps as specified, and the choice of the first point that all kernels share. */
#include "kernels/fps/fps.h"

#include <math.h>

int32_t alm_fps_start(const alm_tensor *xyz, int64_t n)
{
    double mean[3] = {0, 0, 0};
    for (int64_t i = 0; i < n; i++) {
        for (int c = 0; c < 3; c++) {
            mean[c] += (double)alm_row(const float, xyz, i)[c];
        }
    }
    for (int c = 0; c < 3; c++) {
        mean[c] /= (double)n;
    }
    int32_t best = 0;
    double farthest = -1.0;
    for (int64_t i = 0; i < n; i++) {
        double sum = 0.0;
        for (int c = 0; c < 3; c++) {
            const double difference = (double)alm_row(const float, xyz, i)[c] - mean[c];
            sum += difference * difference;
        }
        sum = sum < (double)INFINITY ? sum : (double)INFINITY;
        if (sum > farthest) {
            farthest = sum;
            best = (int32_t)i;
        }
    }
    return best;
}

/* distance [N] to the nearest chosen point */
size_t alm_fps_workspace_ref(const alm_op_args *a, const alm_device *device)
{
    (void)device;
    return (size_t)a->in[0].desc.dim[0] * sizeof(float);
}

alm_status alm_fps_f32_ref(const alm_exec *x, const alm_op_args *a)
{
    (void)x;
    const alm_fps_attr *attr = a->attr;
    const alm_tensor *xyz = &a->in[0];
    const int64_t n = alm_rows(xyz);
    float *distance = a->workspace;
    for (int64_t i = 0; i < n; i++) {
        distance[i] = INFINITY;
    }
    int32_t chosen = alm_fps_start(xyz, n);
    for (int64_t t = 0; t < attr->count; t++) {
        *alm_row(int32_t, &a->out[0], t) = chosen;
        int32_t best = 0;
        for (int64_t i = 0; i < n; i++) {
            const float *p = alm_row(const float, xyz, i), *q = alm_row(const float, xyz, chosen);
            const float dx = p[0] - q[0], dy = p[1] - q[1], dz = p[2] - q[2];
            const float sum = dx * dx + dy * dy + dz * dz;
            if (sum < distance[i]) {
                distance[i] = sum;
            }
            if (distance[i] > distance[best]) {
                best = (int32_t)i;
            }
        }
        chosen = best;
    }
    return ALM_OK;
}
