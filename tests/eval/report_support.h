/* Sets of rows in memory for the tests of reports. */
#ifndef ALM_TESTS_EVAL_REPORT_SUPPORT_H
#define ALM_TESTS_EVAL_REPORT_SUPPORT_H

#include "runtime/eval/row.h"

enum { ALM_TEST_SETS = 128 };

/* A growing list of sets; zero-initialise. */
typedef struct alm_test_run {
    alm_eval_set set[ALM_TEST_SETS];
    int count;
    struct alm_test_rows *rows[ALM_TEST_SETS];
} alm_test_run;

void alm_test_run_free(alm_test_run *run);

/* Adds an empty set; texts are copied. Returns its number. */
int alm_test_run_set(alm_test_run *run, const char *dataset, const char *split, int64_t seed);

/* Appends a valid row with easy numbers to a set: GD, RMSE(T), CD and CD(R) as given and 0, PA from
 * CD, symmetric GD = GD, no symmetry. The row is returned for changes until the next one is added;
 * its texts are copied now. */
alm_eval_row *alm_test_run_row(alm_test_run *run, int set, int64_t idx, const char *asset,
                               const char *category, float gd, float rmse, float cd);

/* Turns the row just added into one without a pose; error: static. */
void alm_test_row_invalid(alm_eval_row *row, const char *error, bool has_truth);

/* All 24 result files of the golden runs (4 datasets, 2 splits, 3 seeds), symmetric GD = GD. False
 * after a failed check. */
bool alm_test_run_golden(alm_test_run *run);

/* A written file as text; "" and a failed check without one. free() it. */
char *alm_test_text(const char *folder, const char *name);

#endif
