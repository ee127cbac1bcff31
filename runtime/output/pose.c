#include "runtime/output/pose.h"

#include <math.h>
#include <string.h>

static double dot(const double a[3], const double b[3])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/* False when v is too short to have a direction. */
static int normalise(double v[3])
{
    const double length = sqrt(dot(v, v));
    if (!(length > 1e-30) || !isfinite(length)) {
        return 0;
    }
    for (int i = 0; i < 3; i++) {
        v[i] /= length;
    }
    return 1;
}

alm_status alm_pose_rotation(const double pose[9], double rotation[9])
{
    for (int i = 0; i < 9; i++) {
        if (!isfinite(pose[i])) {
            return alm_fail(ALM_STATUS_SAMPLE,
                            "pose: number %d of 9 is %g, expected a finite number", i + 1, pose[i]);
        }
    }
    double a[3], b[3];
    memcpy(a, pose + 3, sizeof a);
    memcpy(b, pose + 6, sizeof b);
    int good = normalise(a) && normalise(b);
    /* Twice: one pass leaves an error of the order of u/sin(angle) when a and b are nearly
     * parallel. */
    for (int pass = 0; pass < 2 && good; pass++) {
        const double along = dot(a, b);
        for (int i = 0; i < 3; i++) {
            b[i] -= along * a[i];
        }
        good = dot(b, b) > 1e-24 && normalise(b);
    }
    if (!good) {
        return alm_fail(ALM_STATUS_SAMPLE, "pose: the rotation's two vectors are zero or parallel");
    }
    const double c[3] = {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2],
                         a[0] * b[1] - a[1] * b[0]};
    for (int i = 0; i < 3; i++) {
        rotation[3 * i] = a[i];
        rotation[3 * i + 1] = b[i];
        rotation[3 * i + 2] = c[i];
    }
    return ALM_OK;
}

/* m: 3x3 row-major rotation. The largest of the four components is taken first, so that nothing
 * cancels. */
static void to_quaternion(const double m[9], double q[4])
{
    const double trace = m[0] + m[4] + m[8];
    const double four[4] = {1 + m[0] - m[4] - m[8], 1 - m[0] + m[4] - m[8], 1 - m[0] - m[4] + m[8],
                            1 + trace};
    int k = 3;
    for (int i = 0; i < 3; i++) {
        k = four[i] > four[k] ? i : k;
    }
    if (k == 3) {
        q[0] = m[7] - m[5];
        q[1] = m[2] - m[6];
        q[2] = m[3] - m[1];
    } else {
        const int i = k, j = (k + 1) % 3, l = (k + 2) % 3;
        q[i] = four[k];
        q[j] = m[3 * j + i] + m[3 * i + j];
        q[l] = m[3 * l + i] + m[3 * i + l];
    }
    q[3] =
        k == 3 ? four[3] : m[3 * ((k + 2) % 3) + (k + 1) % 3] - m[3 * ((k + 1) % 3) + (k + 2) % 3];
    double length = 0;
    for (int i = 0; i < 4; i++) {
        length += q[i] * q[i];
    }
    length = q[3] < 0 ? -sqrt(length) : sqrt(length);
    for (int i = 0; i < 4; i++) {
        q[i] /= length;
    }
}

void alm_pose_transform(const double translation[3], const double rotation[9],
                        const double center[3], double matrix[16], double quaternion[4])
{
    double r[9]; /* Rᵀ */
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) {
            r[3 * i + j] = rotation[3 * j + i];
        }
    }
    memset(matrix, 0, 16 * sizeof *matrix);
    for (int i = 0; i < 3; i++) {
        memcpy(matrix + 4 * i, r + 3 * i, 3 * sizeof *matrix);
        matrix[4 * i + 3] = translation[i] - dot(r + 3 * i, center);
    }
    matrix[15] = 1;
    to_quaternion(r, quaternion);
}
