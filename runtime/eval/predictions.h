/* Poses that another system has predicted: JSONL with {"dataset", "split", "seed", "idx", "asset",
 * "pose": [9]}; what is not finite is "nan", "inf" or "-inf". Other keys are ignored.
 */
#ifndef ALM_RUNTIME_EVAL_PREDICTIONS_H
#define ALM_RUNTIME_EVAL_PREDICTIONS_H

#include "runtime/eval/plan.h"

typedef struct alm_predictions alm_predictions;

/* The key of a sample of the plan, for the check of "asset". */
typedef const char *alm_asset_name_fn(void *context, int dataset, int split, int64_t idx);

typedef struct alm_predictions_count {
    int64_t lines, bad, strange; /* that were read; that are no prediction; of no sample chosen */
} alm_predictions_count;

/* Reads the whole file ("-": stdin); 40 bytes a sample of the plan are kept. A bad line is counted
 * and said with `note`, and its sample has no prediction then. Errors: ALM_STATUS_USAGE: the file
 * cannot be read; ALM_STATUS_MEMORY. */
alm_status alm_predictions_read(const char *path, const alm_eval_plan *plan,
                                alm_asset_name_fn *name, void *name_context,
                                void (*note)(void *context, const char *text), void *note_context,
                                alm_predictions **out, alm_predictions_count *count);
void alm_predictions_free(alm_predictions *predictions); /* NULL is accepted */

/* The pose of sample `at` of the set; false: there is none. */
bool alm_predictions_pose(const alm_predictions *predictions, int set, int64_t at, float pose[9]);

#endif
