/* An eval_results.json of the golden data as the writer's input, and other helpers of the tests of
 * results.
 */
#ifndef ALM_TESTS_EVAL_RESULTS_FILE_H
#define ALM_TESTS_EVAL_RESULTS_FILE_H

#include <jansson.h>

#include "runtime/eval/results.h"

/* The golden results, one file for each data set, split and seed; relative to assembench/. */
enum { RESULTS_FILES = 30 };
const char *results_file_name(int index);

typedef struct results_file {
    json_t *root;      /* texts of the rows are its own */
    alm_eval_row *row; /* [set.rows] */
    alm_eval_set set;
    alm_tree config;
    alm_results_run run;
    int calls; /* of set.row */
} results_file;

/* A file with its set, run and configuration: config.yaml with the file's mixture. False, with the
 * test failed, when that does not work. The struct must not move. */
bool results_file_load(const char *path, results_file *out);
void results_file_free(results_file *file);

/* A row of `details`. */
bool results_row_parse(const json_t *details, alm_eval_row *out);

/* A set over rows in memory. context: the rows. */
alm_status results_rows_get(void *context, int64_t row, alm_eval_row *out);

/* Fails the test, with the first line that differs, unless the files are equal; true when they are.
 */
bool results_files_equal(const char *got, const char *expected);

#endif
