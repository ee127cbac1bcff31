/* The rotations that bring a part onto itself, found from its cloud, and the rotation error that
 * takes them into account. Beyond the published evaluator.
 *
 * Error. A sample shows P = R·(X − c), X the part where it belongs; a pose R' puts it to R'ᵀ·R·(X −
 * c) + t'. When S brings the centred part onto itself, S·(X − c) ≅ X − c, the same place is reached
 * by R'ᵀ·R·S. So all of R·S are true rotations, S in the frame of the stored cloud, and
 *
 *     error = min over S of angle(R'ᵀ·R·S) = min over S of GD(R·S, R').
 *
 * (T. Hodan et al., "BOP: Benchmark for 6D Object Pose Estimation", ECCV 2018, and G. Pitteri et
 * al., "On Object Symmetries and 6D Pose Estimation from Images", 3DV 2019, use the same idea.)
 * Only rotations count: a mirror image cannot be assembled.
 *
 * Which S are accepted. A cloud is a random sample of a surface, so a turned cloud never falls onto
 * itself point by point. But a point of a symmetric part's turned cloud is one more random point of
 * the same surface: its distance r to the nearest point of the cloud is distributed like the
 * distance l from a point of the cloud to its nearest other one, for any density (for n points a
 * unit of area, P(l > x) = exp(−nπx²), mean square 1/(nπ)). A rotation is accepted when
 *
 *     rms(r) <= tolerance · rms(l)   and   the same for the largest 4% of both, plus 0.15
 *
 * so the tolerance is in units of the cloud's own point spacing, rms(l), which is 1/sqrt(nπ) for
 * independent points. Why 1.15: for 1,000 points the left side is 1.00 ± 0.04 when the part is
 * symmetric (measured on 22 kinds of parts, tests/eval/test_symmetry.c: at most 1.14), and a share
 * f of the points at d spacings from anything makes it sqrt(1 + f·(d² − 1)): 1.15 is passed by 4%
 * of the points at 3 spacings or 1% at 6, and by the second condition, with a quarter of that.
 * Means of many rotations (a group, a continuous axis) are held to a part of that, as their noise
 * is smaller. What is smaller than the spacing cannot be seen: a bar of two spacings' width counts
 * as round, a slot must be a spacing or two deep.
 *
 * What is looked for: any axis, 2 to 12 fold or continuous; what follows from the rotations that
 * were found (up to the 60 of the icosahedron) must be accepted as well. When in doubt, fewer. All
 * computations are free of functions that differ between machines. One part takes 2 to 14 ms on one
 * core (an icosahedron 45): once an asset, not once a sample.
 */
#ifndef ALM_RUNTIME_EVAL_SYMMETRY_H
#define ALM_RUNTIME_EVAL_SYMMETRY_H

#include <stdint.h>

#include "kernels/core/status.h"

enum { ALM_SYMMETRY_ROTATIONS = 60 };

#define ALM_SYMMETRY_TOLERANCE 1.15

typedef enum alm_symmetry_kind {
    ALM_SYMMETRY_FINITE,     /* `count` rotations */
    ALM_SYMMETRY_AXIAL,      /* every turn about the axis */
    ALM_SYMMETRY_AXIAL_FLIP, /* and the half turns about every axis perpendicular to it */
    ALM_SYMMETRY_ALL         /* a ball */
} alm_symmetry_kind;

typedef struct alm_symmetry {
    alm_symmetry_kind kind;
    int count; /* FINITE: of rotations, 1: only the identity; 0: a continuous kind */
    float rotation[ALM_SYMMETRY_ROTATIONS][9]; /* rows; FINITE: a group, the identity first */
    float axis[3];                             /* AXIAL, AXIAL_FLIP: a unit vector */
    float centre[3];                           /* stays where it is under all of them */
    float spacing;                             /* rms distance of a point to its nearest other */
    float residual;                            /* largest rms(r)/rms(l) of what was accepted */
} alm_symmetry;

/* xyz: [n, 3], the part as stored. tolerance: see above; 0: ALM_SYMMETRY_TOLERANCE. Of more than
 * 1,024 points that many are taken, always the same. Clouds of fewer than 50 different points have
 * only the identity. Errors: ALM_STATUS_SAMPLE (no point, coordinates not finite or beyond 1e15, a
 * tolerance that is not finite or below 0), ALM_STATUS_MEMORY. */
alm_status alm_symmetry_find(const float *xyz, int64_t n, double tolerance, alm_symmetry *out);

/* Degrees, with the bounds and the arithmetic of GD, never above it; equal to GD for a part without
 * symmetry. Rotations in rows; pred_r may be singular (a zero matrix: 120). */
float alm_symmetric_error(const alm_symmetry *symmetry, const float true_r[9],
                          const float pred_r[9]);

#endif
