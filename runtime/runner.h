/* One graph that is ready to run: model, plan, memory. A session has a cold one and, once a manual
 * comes twice, a warm one that starts behind the pages; they share the keys and values. */
#ifndef ALM_RUNTIME_RUNNER_H
#define ALM_RUNTIME_RUNNER_H

#include "graph/models/assemlm2.h"
#include "runtime/backend.h"
#include "runtime/engine.h"
#include "runtime/sample.h"

typedef struct alm_runner {
    alm_shape_class shape; /* zeros when there is no graph */
    alm_assemlm2 model;
    alm_plan *plan;
    alm_executor *executor;
} alm_runner;

/* Graph and plan; *runner must be empty. */
alm_status alm_runner_plan(alm_runner *runner, const alm_engine *engine, alm_dtype arithmetic,
                           const alm_device *device, alm_shape_class shape);
/* Memory; timeline and state as in alm_executor_create. */
alm_status alm_runner_bind(alm_runner *runner, const alm_engine *engine, alm_timeline *timeline,
                           void *state);
/* Back to empty. */
void alm_runner_clear(alm_runner *runner);

/* Room for pages of so many patches in all that have about their size already. */
alm_pixel_room alm_pixel_room_for(const alm_vision_config *vision, int64_t patches);
/* For these pages; zeros when there are none. */
alm_pixel_room alm_pixel_room_of(const alm_resize *resize);

/* Patches see the patches of their own page. rule: [patches of all pages, 3]. */
void alm_runner_patch_rules(const alm_grid grid[ALM_PAGES], int32_t *rule);

/* Tokens before the first point: what depends on the pages only. */
int alm_prefix_tokens(const alm_prompt *prompt);

/* Copies the sample into the inputs: all of it, or in a warm graph what lies behind the first
 * `first` tokens. */
void alm_runner_fill(const alm_runner *runner, const alm_vision_config *vision,
                     const alm_prepared *prepared, int first);

#endif
