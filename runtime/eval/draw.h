/* A sample as an evaluation run draws it (assembench.md 2): which points of the two clouds, and the
 * random rotation in which the moving part is shown to the model.
 *
 * Indices, resampled clouds and centre are those of the published evaluator bit for bit; rotation,
 * randomised cloud and pose to 1e-6 / sin(angle between the two drawn vectors).
 */
#ifndef ALM_RUNTIME_EVAL_DRAW_H
#define ALM_RUNTIME_EVAL_DRAW_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/core/status.h"

enum { ALM_DRAW_POINTS = 1024 };

typedef struct alm_draw {
    bool moving_drawn, fixed_drawn;         /* false: the cloud has ALM_DRAW_POINTS and was taken
                                             * as it is; its indices count up */
    uint32_t moving_index[ALM_DRAW_POINTS]; /* into the clouds as given */
    uint32_t fixed_index[ALM_DRAW_POINTS];
    float moving[ALM_DRAW_POINTS * 3]; /* [1024, 3] resampled, where the part belongs */
    float fixed[ALM_DRAW_POINTS * 3];
    float randomised[ALM_DRAW_POINTS * 3]; /* rotation·(moving − centre): what the model sees */
    float centre[3];                       /* of `moving` */
    float rotation[9];                     /* rows */
    float pose[9]; /* the target: centre, the rotation's first two columns */
} alm_draw;

/* The seed of sample `idx` (>= 0) of a run: (run_seed + idx) mod (2^32 − 1). */
uint32_t alm_draw_seed(uint32_t run_seed, int64_t idx);

/* moving, fixed: [points, 3], finite, 1 <= points < 2^32. On error *out holds nothing of use.
 * Errors: ALM_STATUS_SAMPLE (number of points; coordinates so large that float32 overflows),
 * ALM_STATUS_MEMORY (a cloud of more than 4,096 points needs 4 bytes a point for a while). */
alm_status alm_draw_sample(uint32_t sample_seed, const float *moving, int64_t moving_points,
                           const float *fixed, int64_t fixed_points, alm_draw *out);

#endif
