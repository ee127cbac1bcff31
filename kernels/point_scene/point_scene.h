/* Centres of the patches and the size of the scene (assemlm2.md 3.3, 3.4), in double inside,
 * rounded once at the end.
 *
 * in 0   fixed_centers   F32 [P, 3], P >= 1
 * in 1   fixed_frame     F32 [3, 3]
 * in 2   moving_centers  F32 [P, 3]
 * in 3   moving_frame    F32 [3, 3]
 * out 0  centers  f32 [4P, 3]: fixed, fixed·frame, moving, moving·frame; the raw pair and the
 *        turned pair each minus its mean and divided by its radius (largest distance from the mean,
 *        at least 1e-6)
 * out 1  scale    f32 [1, 4]: log(s / reference) clipped to ±clip, s = radius of the fixed centres,
 *        of the moving ones, distance of their means, radius of both together, each at least 1e-6,
 *        of the raw centres
 *
 * A coordinate that all centres share becomes exactly 0: the cell of such a point lies on a border
 * (assemlm2.md 4), where the smallest error would move it.
 */
#ifndef ALM_KERNELS_POINT_SCENE_H
#define ALM_KERNELS_POINT_SCENE_H

#include "kernels/core/op.h"

typedef struct alm_point_scene_attr {
    double reference; /* > 0 */
    double clip;      /* >= 0 */
} alm_point_scene_attr;

alm_status alm_point_scene_f32_ref(const alm_exec *x, const alm_op_args *a);
size_t alm_point_scene_workspace_ref(const alm_op_args *a, const alm_device *device);

#endif
