/* From journals to what people read: results of every set, aggregates, reports (assembench.md 4).
 */
#ifndef ALM_RUNTIME_EVAL_FINISH_H
#define ALM_RUNTIME_EVAL_FINISH_H

#include "runtime/eval/data.h"
#include "runtime/eval/journal.h"

/* The rows of a run, wherever they are. */
typedef struct alm_eval_rows {
    const alm_eval_plan *plan;
    alm_journal_map *journal;
    char **path; /* of each */
    int journals;
    uint64_t *where;             /* [plan->items]: journal and offset; 0: missing */
    int64_t present, twice;      /* samples that are there; lines more than that */
    int64_t failed;              /* samples that could not be evaluated */
    alm_eval_set *set;           /* [plan->sets], over the rows that are there */
    struct alm_eval_rows_of *of; /* [plan->sets] */
} alm_eval_rows;

/* All journals of these run folders, whose plans must be `plan`. What does not fit the plan is
 * refused. Errors: ALM_STATUS_USAGE, ALM_STATUS_MEMORY. */
alm_status alm_eval_rows_open(const alm_eval_plan *plan, const char *const *run, int runs,
                              alm_eval_rows *out);
void alm_eval_rows_close(alm_eval_rows *rows); /* resets it */

/* Sample number `item` of the plan, which is there (rows->where[item] is not 0). */
alm_status alm_eval_rows_entry(const alm_eval_rows *rows, int64_t item, alm_journal_entry *out);

/* Names the samples that are missing, or there twice, in at most `most` lines. */
void alm_eval_rows_say(const alm_eval_rows *rows, const char *run, int most,
                       void (*note)(void *context, const char *text), void *context);

typedef struct alm_eval_finish_options {
    const char *formats; /* assemlm.h */
    alm_eval_data *data; /* for pictures of samples; NULL: none */
} alm_eval_finish_options;

/* Writes results, aggregates and reports of what is there to `run`. own: the run folder whose plan
 * it is. The same rows give the same bytes. Errors: ALM_STATUS_OUTPUT, ALM_STATUS_MEMORY,
 * ALM_STATUS_USAGE. */
alm_status alm_eval_finish(const alm_eval_rows *rows, const char *own, const char *run,
                           const alm_eval_finish_options *options);

/* Whether a row says that its sample could not be evaluated (an invalid pose is none of that). */
bool alm_eval_row_failed(const alm_eval_row *row);

#endif
