/* Two runs, sample by sample (report.h), from their journals or, where there are none, from their
 * results. */
#ifndef ALM_RUNTIME_EVAL_COMPARE_RUNS_H
#define ALM_RUNTIME_EVAL_COMPARE_RUNS_H

#include "kernels/core/status.h"

/* Writes compare.* to the folder `out`. formats: assemlm.h. Errors: ALM_STATUS_USAGE,
 * ALM_STATUS_OUTPUT, ALM_STATUS_MEMORY. */
alm_status alm_compare_runs(const char *run_a, const char *run_b, const char *out,
                            const char *formats);

#endif
