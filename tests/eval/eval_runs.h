/* Runs of alm_eval over the golden data, and comparison of what they wrote. */
#ifndef ALM_TESTS_EVAL_EVAL_RUNS_H
#define ALM_TESTS_EVAL_EVAL_RUNS_H

#include "runtime/assemlm.h"

/* The golden run: 3 seeds, both splits of four data sets, poses from predictions.jsonl. out: a
 * folder. */
alm_eval_options eval_golden_options(const char *out);

/* A new folder, whose name stays until the program ends. */
const char *eval_folder(void);

/* "<out>/stub.pt/20260101_000000[/name]"; static storage, good for the next 7 calls. */
const char *eval_run_path(const char *out, const char *name);

/* Fails the test unless all results, aggregates and reports in the two run folders are there in
 * both and are the same bytes (absolute paths in aggregates excepted when `moved`). Journals and
 * timing.json are left out. Returns the number of files. */
int eval_same_files(const char *a, const char *b, bool moved);

/* Compares a results file with a golden one by the tolerances of the golden README: keys, counts,
 * texts and exact numbers equal. Returns the number of rows. */
int eval_compare_results(const char *got, const char *expected);

#endif
