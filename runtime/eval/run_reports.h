/* The reports of a run (report.h): which formats, and what its worst samples look like. */
#ifndef ALM_RUNTIME_EVAL_RUN_REPORTS_H
#define ALM_RUNTIME_EVAL_RUN_REPORTS_H

#include "runtime/eval/finish.h"
#include "runtime/eval/worker.h"

/* "json,csv,md,tex,html", "none"; NULL: all. *formats: ALM_REPORT_*. Error: ALM_STATUS_USAGE. */
alm_status alm_eval_formats(const char *text, unsigned *formats);

/* Writes the reports to the run folder, in the formats that are asked for. */
alm_status alm_eval_reports(const alm_eval_rows *rows, const char *run,
                            const alm_eval_finish_options *options);

/* Writes timing.json: what differs from run to run. wall_s and times: of the samples evaluated just
 * now; the time of poses is that of all rows. */
alm_status alm_eval_timing(const alm_eval_rows *rows, const char *run, const char *device,
                           double wall_s, int64_t evaluated, const alm_eval_times *times);

#endif
