/* The picture of an assembly: both clouds before and after, from two sides, as PNG. */
#ifndef ALM_RUNTIME_OUTPUT_PICTURE_H
#define ALM_RUNTIME_OUTPUT_PICTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/core/status.h"

typedef struct alm_picture_scene {
    const float *fixed; /* [fixed_count, 3] */
    int64_t fixed_count;
    const float *moving; /* [moving_count, 3], as given */
    int64_t moving_count;
    double matrix[16]; /* 4x4 row-major: what brings `moving` to its place */
    const char *title; /* NULL: none */
} alm_picture_scene;

/* 1200×900 pixels: a row a view, before on the left, after on the right, one scale in each row. z
 * is up. The same scene gives the same bytes. The file appears whole or not at all. Errors:
 * ALM_STATUS_OUTPUT (an existing file is refused unless force; what the system says),
 * ALM_STATUS_SAMPLE (coordinates that are not finite), ALM_STATUS_MEMORY. */
alm_status alm_picture_write(const alm_picture_scene *scene, const char *path, bool force);

#endif
