/* From the head's nine numbers to rigid transforms (assemlm2.md 5). All in double. */
#ifndef ALM_RUNTIME_OUTPUT_POSE_H
#define ALM_RUNTIME_OUTPUT_POSE_H

#include "kernels/core/status.h"

/* pose: t(3), a(3), b(3). rotation [3, 3] row-major: its COLUMNS are a and b made orthonormal and
 * their cross product. Error: ALM_STATUS_SAMPLE when the numbers are not finite or a and b do not
 * span a plane. */
alm_status alm_pose_rotation(const double pose[9], double rotation[9]);

/* The 4x4 row-major transform of the moving cloud as given, X -> Rᵀ(X - center) + t, and its
 * rotation as a quaternion x, y, z, w with w >= 0. */
void alm_pose_transform(const double translation[3], const double rotation[9],
                        const double center[3], double matrix[16], double quaternion[4]);

#endif
