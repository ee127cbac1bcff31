/* What is done with a batch of samples: draw, ask for the pose, score. Samples are drawn and scored
 * side by side; poses come from a model's sessions, one a device, or from a file of predictions.
 */
#ifndef ALM_RUNTIME_EVAL_WORKER_H
#define ALM_RUNTIME_EVAL_WORKER_H

#include "runtime/assemlm.h"
#include "runtime/eval/journal.h"
#include "runtime/eval/predictions.h"
#include "runtime/eval/reader.h"
#include "runtime/eval/report.h"

typedef struct alm_eval_worker alm_eval_worker;

/* What the steps of a sample took, in microseconds, and the memory of this process after each
 * batch, in bytes. */
typedef enum alm_eval_step {
    ALM_EVAL_READ,
    ALM_EVAL_SYMMETRY, /* of an object */
    ALM_EVAL_DRAW,
    ALM_EVAL_SCORE,
    ALM_EVAL_RESIDENT,
    ALM_EVAL_STEPS
} alm_eval_step;

typedef struct alm_eval_times {
    alm_tally step[ALM_EVAL_STEPS];
} alm_eval_times;

/* session or predictions: one of them, which must stay. threads: 0: every core. times:
 * counts what comes; must stay. */
alm_status alm_eval_worker_create(const alm_eval_plan *plan, alm_session *session,
                                  const alm_predictions *predictions, int size, int threads,
                                  alm_eval_times *times, alm_eval_worker **out);
void alm_eval_worker_destroy(alm_eval_worker *worker); /* NULL is accepted */

/* What a worker needs of each object: ALM_ASSET_*. */
unsigned alm_eval_worker_parts(const alm_eval_worker *worker);

/* entry: [batch->count], valid until the next call; a sample that could not be evaluated has its
 * reason in it. Errors that end the run: ALM_STATUS_RESTART, _MEMORY, and what else is no matter of
 * one sample. */
alm_status alm_eval_worker_run(alm_eval_worker *worker, const alm_eval_batch *batch,
                               const alm_journal_entry **entry);

#endif
