/* A run folder, <out>/<checkpoint>/<timestamp>: the reference's result files, our reports beside
 * them, and in assemlm.run/ what a run needs to go on and shards to be joined:
 *
 *     plan.json             what belongs together (plan.h)
 *     config.yaml           the settings that results quote
 *     samples.jsonl         the key of every sample of every data set and split
 *     journal-I-of-N.jsonl  the rows of a shard (journal.h)
 */
#ifndef ALM_RUNTIME_EVAL_RUN_FOLDER_H
#define ALM_RUNTIME_EVAL_RUN_FOLDER_H

#include "runtime/eval/plan.h"

#define ALM_RUN_OWN "assemlm.run"

/* *out = the formatted text, owned by the caller (alm_free). */
alm_status alm_path_format(char **out, const char *format, ...) ALM_PRINTF(2, 3);

/* Makes the folder and those above it. Error: ALM_STATUS_OUTPUT. */
alm_status alm_folders_make(const char *path);

/* *out = <run>/assemlm.run/<name>, owned by the caller. */
alm_status alm_run_own(const char *run, const char *name, char **out);

/* The plan of a run folder. *found: false when there is none (no error). */
alm_status alm_run_plan_read(const char *run, bool *found, alm_eval_plan *out);

/* Writes plan.json, or compares with the one that is there. */
alm_status alm_run_plan_write(const char *run, const alm_eval_plan *plan);

/* The newest run folder of <out>/<checkpoint> that has a plan: its name (the timestamp), owned by
 * the caller. Error: ALM_STATUS_USAGE: there is none. */
alm_status alm_run_newest(const char *folder, char **timestamp);

#endif
