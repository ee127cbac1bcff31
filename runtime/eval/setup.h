/* From the options of an evaluation to its data and the data's part of its plan. */
#ifndef ALM_RUNTIME_EVAL_SETUP_H
#define ALM_RUNTIME_EVAL_SETUP_H

#include "runtime/assemlm.h"
#include "runtime/eval/data.h"

typedef struct alm_eval_setup {
    alm_eval_plan plan; /* but for model, ckpt_path, run_timestamp and config */
    alm_eval_data data;
} alm_eval_setup;

/* Says the fault of every data set that cannot be read. Errors: ALM_STATUS_USAGE,
 * ALM_STATUS_SAMPLE (none can be read), ALM_STATUS_MEMORY; *out is to be freed in any case. */
alm_status alm_eval_setup_make(const alm_eval_options *options, alm_eval_setup *out);
void alm_eval_setup_free(alm_eval_setup *setup); /* resets it */

#endif
