/* The picture of a sample with its pose: reads the clouds again, whole, and hands them to the
 * drawing. */
#include <stdio.h>
#include <string.h>

#include "runtime/output/overwrite.h"
#include "runtime/output/picture.h"
#include "runtime/sample.h"

alm_status alm_render(const alm_sample *sample, const alm_result *result, const char *path,
                      bool force)
{
    enum { TITLE_BYTES = 256 };
    char title[TITLE_BYTES];
    alm_cloud fixed = {0}, moving = {0};
    alm_error_clear();
    ALM_TRY(alm_output_check(path, force)); /* before the clouds are read */
    alm_status status = alm_cloud_load(&sample->fixed, "fixed", &fixed);
    if (status == ALM_OK) {
        status = alm_cloud_load(&sample->moving, "moving", &moving);
    }
    if (status == ALM_OK) {
        const char *id = sample->id ? sample->id : "";
        const char *category = sample->category ? sample->category : "";
        snprintf(title, sizeof title, "%s%s%s", id, id[0] && category[0] ? ", " : "", category);
        alm_picture_scene scene = {.fixed = fixed.xyz,
                                   .fixed_count = fixed.count,
                                   .moving = moving.xyz,
                                   .moving_count = moving.count,
                                   .title = title};
        memcpy(scene.matrix, result->matrix, sizeof scene.matrix);
        status = alm_picture_write(&scene, path, force);
    }
    alm_cloud_free(&fixed);
    alm_cloud_free(&moving);
    return status;
}
