/* From what the caller gave to what the graph takes: clouds centred and resampled, pages cut into
 * patches or, for a GPU, as they are with what resizes them there, the prompt.
 */
#ifndef ALM_RUNTIME_SAMPLE_H
#define ALM_RUNTIME_SAMPLE_H

#include "runtime/assemlm.h"
#include "runtime/engine.h"
#include "runtime/input/cloud.h"
#include "runtime/input/image.h"

typedef struct alm_prepared {
    float *fixed, *moving; /* [1024, 3], as the network takes them */
    double center[3];      /* taken off the moving cloud, in its units */
    int64_t fixed_points, moving_points;
    alm_grid grid[ALM_PAGES];
    int64_t patches; /* of both pages */
    uint8_t *bytes;  /* [patches, channels·temporal·patch²]; NULL: the GPU makes them */
    alm_image page[ALM_PAGES]; /* for a GPU only, as the next */
    alm_resize resize;
    int32_t *table_index;    /* [patches, 4] */
    float *table_weight;     /* [patches, 4] */
    int32_t *patch_position; /* [patches, 2] */
    alm_prompt *prompt;
    double read_ms, prepare_ms;
    int warning_count;
    char warning[ALM_WARNINGS][ALM_WARNING_TEXT];
} alm_prepared;

/* Metres in one unit; 1 for ALM_UNITS_UNIT. */
double alm_units_scale(alm_units units);

/* Reads, checks and prepares a sample. Errors: ALM_STATUS_SAMPLE with its param, ALM_STATUS_MEMORY.
 */
alm_status alm_sample_prepare(const alm_engine *engine, const alm_sample *sample,
                              alm_prepared **out);
void alm_prepared_free(alm_prepared *prepared);

/* The cloud of a source, whole: what was read from its file, or a copy. Freed with alm_cloud_free.
 */

alm_status alm_cloud_load(const alm_cloud_source *source, const char *param, alm_cloud *out);

#endif
