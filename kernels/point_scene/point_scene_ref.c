/* point_scene as specified; also the kernel that runs: a few hundred points. */
#include "kernels/point_scene/point_scene.h"

#include <math.h>

/* The centres as given or turned, fixed ones first: [2P, 3]. */
size_t alm_point_scene_workspace_ref(const alm_op_args *a, const alm_device *device)
{
    (void)device;
    return (size_t)a->in[0].desc.dim[0] * 6 * sizeof(double);
}

/* The mean of points [n, 3], taken about the first one, so that the mean of equal numbers is
 * exact. */
static void mean_of(const double *points, int64_t n, double mean[3])
{
    for (int c = 0; c < 3; c++) {
        double sum = 0.0;
        for (int64_t i = 0; i < n; i++) {
            sum += points[3 * i + c] - points[c];
        }
        mean[c] = points[c] + sum / (double)n;
    }
}

static double distance(const double *a, const double *b)
{
    const double x = a[0] - b[0], y = a[1] - b[1], z = a[2] - b[2];
    return sqrt(x * x + y * y + z * z);
}

/* Largest distance from the mean, at least 1e-6. */
static double radius_of(const double *points, int64_t n, const double mean[3])
{
    double radius = 1e-6;
    for (int64_t i = 0; i < n; i++) {
        radius = fmax(radius, distance(points + 3 * i, mean));
    }
    return radius;
}

/* Both sets of raw centres, or both in the frames of their clouds. */
static void load(const alm_op_args *a, bool turned, double *both)
{
    const int64_t patches = a->in[0].desc.dim[0];
    for (int64_t i = 0; i < 2 * patches; i++) {
        const int cloud = i < patches ? 0 : 2;
        const float *c = alm_row(const float, &a->in[cloud], i - cloud / 2 * patches);
        for (int j = 0; j < 3; j++) {
            both[3 * i + j] = (double)c[j];
        }
        for (int j = 0; turned && j < 3; j++) {
            double sum = 0.0;
            for (int k = 0; k < 3; k++) {
                sum += (double)c[k] * (double)alm_row(const float, &a->in[cloud + 1], k)[j];
            }
            both[3 * i + j] = sum;
        }
    }
}

/* Writes the normalised pair into branches `branch` (fixed) and `branch` + 2 (moving). */
static void store(const alm_op_args *a, const double *both, int branch)
{
    const int64_t patches = a->in[0].desc.dim[0];
    double mean[3];
    mean_of(both, 2 * patches, mean);
    const double radius = radius_of(both, 2 * patches, mean);
    for (int64_t i = 0; i < 2 * patches; i++) {
        const int64_t row = i < patches ? branch * patches + i : (branch + 1) * patches + i;
        for (int j = 0; j < 3; j++) {
            alm_row(float, &a->out[0], row)[j] = (float)((both[3 * i + j] - mean[j]) / radius);
        }
    }
}

alm_status alm_point_scene_f32_ref(const alm_exec *exec, const alm_op_args *a)
{
    (void)exec;
    const alm_point_scene_attr *attr = a->attr;
    const int64_t patches = a->in[0].desc.dim[0];
    double *both = a->workspace, *moving = both + 3 * patches;
    double fixed_mean[3], moving_mean[3], mean[3];
    load(a, true, both);
    store(a, both, 1);
    load(a, false, both);
    store(a, both, 0);
    mean_of(both, patches, fixed_mean);
    mean_of(moving, patches, moving_mean);
    mean_of(both, 2 * patches, mean);
    const double size[4] = {
        radius_of(both, patches, fixed_mean),
        radius_of(moving, patches, moving_mean),
        fmax(distance(fixed_mean, moving_mean), 1e-6),
        radius_of(both, 2 * patches, mean),
    };
    float *scale = a->out[1].data;
    for (int i = 0; i < 4; i++) {
        scale[i] = (float)fmin(fmax(log(size[i] / attr->reference), -attr->clip), attr->clip);
    }
    return ALM_OK;
}
