#include "runtime/eval/metrics.h"

#include <math.h>
#include <string.h>

#include "runtime/eval/chamfer.h"

enum { POINTS = ALM_DRAW_POINTS };
_Static_assert((int)ALM_DRAW_POINTS <= (int)ALM_CHAMFER_POINTS,
               "a drawn cloud is one of chamfer.h");

/* ---- Rotations ---- */

static double dot(const double a[3], const double b[3])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/* v / max(|v|, 1e-12). Computed in double, which is nearer to any float32 evaluation than these are
 * to each other; but where the square overflows float32 the evaluator's length is infinite. */
static void normalise(double v[3])
{
    const double square = dot(v, v);
    const double length = isinf((float)square) ? (double)INFINITY : fmax(sqrt(square), 1e-12);
    for (int i = 0; i < 3; i++) {
        v[i] /= length;
    }
}

void alm_rotation_from_6d(const float six[6], float r[9])
{
    double a[3], b[3];
    for (int i = 0; i < 3; i++) {
        a[i] = (double)six[i];
        b[i] = (double)six[3 + i];
    }
    normalise(a);
    const double along = dot(a, b);
    for (int i = 0; i < 3; i++) {
        b[i] -= along * a[i];
    }
    normalise(b);
    const double c[3] = {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2],
                         a[0] * b[1] - a[1] * b[0]};
    for (int i = 0; i < 3; i++) {
        r[3 * i] = (float)a[i];
        r[3 * i + 1] = (float)b[i];
        r[3 * i + 2] = (float)c[i];
    }
}

bool alm_pose_is_valid(const float pose[9])
{
    bool finite = true, zero = true;
    for (int i = 0; i < 9; i++) {
        finite = finite && isfinite(pose[i]);
        zero = zero && pose[i] == 0;
    }
    return finite && !zero && pose[0] != -100;
}

float alm_rotation_degrees(float trace)
{
    const float bound = 0x1.ffffdep-1f; /* the float32 nearest to 1 − 1e-6 */
    float cosine = (trace - 1) / 2;
    cosine = cosine > bound ? bound : cosine < -bound ? -bound : cosine;
    return (float)acos((double)cosine) * 180.0f / 3.14159274f; /* in the evaluator's order */
}

float alm_rotation_error(const float true_r[9], const float pred_r[9])
{
    float diagonal[3]; /* of trueᵀ·pred */
    for (int i = 0; i < 3; i++) {
        diagonal[i] =
            true_r[i] * pred_r[i] + true_r[3 + i] * pred_r[3 + i] + true_r[6 + i] * pred_r[6 + i];
    }
    return alm_rotation_degrees(diagonal[0] + diagonal[1] + diagonal[2]);
}

/* ---- Scores ---- */

static float rmse(const float a[3], const float b[3])
{
    float sum = 0;
    for (int c = 0; c < 3; c++) {
        sum += (a[c] - b[c]) * (a[c] - b[c]);
    }
    return sqrtf(sum / 3);
}

/* Between the part where it belongs, rᵀ·P + t with the true pose, and where it was put. One order
 * of the points serves all. */
static void score_clouds(const alm_draw *draw, alm_eval_row *row)
{
    alm_chamfer_order order;
    alm_chamfer_cloud part, truth, guess;
    alm_chamfer_sort(draw->randomised, POINTS, &order);
    alm_chamfer_load(draw->randomised, &order, &part);
    alm_chamfer_move(&part, row->true_r, row->true_t, &truth);
    alm_chamfer_move(&part, row->pred_r, row->pred_t, &guess);
    row->metric[ALM_METRIC_CD] = alm_chamfer_pair(&truth, &guess, &order);
    alm_chamfer_move(&part, row->pred_r, row->true_t, &guess);
    row->metric[ALM_METRIC_CD_R] = alm_chamfer_pair(&truth, &guess, &order);
}

void alm_score(const alm_draw *draw, const float pose[9], alm_eval_row *row)
{
    static const char *const invalid = ALM_INVALID_POSE;
    static const char *const overflow =
        "The pose is valid, but so large that its metrics overflow float32.";
    row->has_truth = true;
    memcpy(row->true_t, draw->pose, sizeof row->true_t);
    alm_rotation_from_6d(draw->pose + 3, row->true_r);
    row->valid = alm_pose_is_valid(pose);
    row->error = row->valid ? NULL : invalid;
    if (!row->valid) {
        return;
    }
    memcpy(row->pred_t, pose, sizeof row->pred_t);
    alm_rotation_from_6d(pose + 3, row->pred_r);
    row->metric[ALM_METRIC_GD] = alm_rotation_error(row->true_r, row->pred_r);
    row->metric[ALM_METRIC_RMSE_T] = rmse(row->pred_t, row->true_t);
    row->metric[ALM_METRIC_CD] = row->metric[ALM_METRIC_CD_R] = INFINITY;
    if (isfinite(row->metric[ALM_METRIC_RMSE_T]) && isfinite(row->metric[ALM_METRIC_GD])) {
        score_clouds(draw, row);
    }
    const float cd = row->metric[ALM_METRIC_CD];
    row->metric[ALM_METRIC_PA_010] = cd < 0.01f ? 1 : 0;
    row->metric[ALM_METRIC_PA_008] = cd < 0.008f ? 1 : 0;
    row->metric[ALM_METRIC_PA_005] = cd < 0.005f ? 1 : 0;
    for (int i = 0; i < ALM_METRICS; i++) {
        if (!isfinite(row->metric[i])) {
            row->valid = false;
            row->error = overflow;
        }
    }
}
