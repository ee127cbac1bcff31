/* The metrics of AssemBench (assembench.md 3), in float32 as the published evaluator computes them.
 *
 * Agreement: GD in its cosine to 1e-6, RMSE(T) to 1e-6, CD and CD(R) to 1e-5 (sums are in double,
 * so that they do not depend on an order).
 */
#ifndef ALM_RUNTIME_EVAL_METRICS_H
#define ALM_RUNTIME_EVAL_METRICS_H

#include <stdbool.h>

#include "runtime/eval/draw.h"
#include "runtime/eval/row.h"

/* The rotation, in rows, whose columns are the two vectors of `six` normalised, the second one made
 * orthogonal to the first, and their cross product. A length below 1e-12 counts as 1e-12, one that
 * overflows float32 as infinite: zero vectors give zero columns, not NaN. */
void alm_rotation_from_6d(const float six[6], float r[9]);

/* Finite, not all zero, and the first number is not −100. */
bool alm_pose_is_valid(const float pose[9]);

/* The angle in degrees of the rotation whose matrix has this trace, as GD is defined: between
 * 0.08156 and 179.91844. */
float alm_rotation_degrees(float trace);

/* GD: the angle between two rotations (rows). A zero matrix is 120 degrees from anything. */
float alm_rotation_error(const float true_r[9], const float pred_r[9]);

/* Fills valid, error, true_t, true_r and, when the pose is valid, pred_t, pred_r and metric of the
 * row; the other fields stay. A valid pose of which a metric is not finite in float32 (translations
 * near 1e19) is counted as invalid, with an error of its own: results hold no infinities. The
 * texts are static. */
void alm_score(const alm_draw *draw, const float pose[9], alm_eval_row *row);

#endif
