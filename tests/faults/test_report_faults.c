/* Every allocation of a report and of a comparison fails once. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/eval/report.h"
#include "tests/faults/fault_run.h"
#include "tests/shim/alm_test.h"

enum { POINTS = 32, FILE_BYTES = 1 << 18 };

static float cloud[3 * POINTS];

/* Rows without memory of their own; one has no pose. */
static alm_status get_row(void *context, int64_t row, alm_eval_row *out)
{
    const int seed = *(const int *)context;
    static const char *const category[2] = {"chair", "table"};
    *out = (alm_eval_row){.idx = row,
                          .asset = "asset",
                          .category = category[row % 2],
                          .valid = row != 3,
                          .error = row != 3 ? NULL : "no pose",
                          .has_truth = true,
                          .true_r = {1, 0, 0, 0, 1, 0, 0, 0, 1},
                          .pred_r = {1, 0, 0, 0, 1, 0, 0, 0, 1},
                          .metric = {(float)row, 1, (float)(row + seed) * 0.004f, 1, 1, 0, 0},
                          .symmetric_gd = 1,
                          .symmetries = 1};
    return ALM_OK;
}

static alm_status scene(void *context, const alm_eval_set *set, const alm_eval_row *row,
                        alm_report_scene *out)
{
    (void)context;
    (void)set;
    (void)row;
    *out = (alm_report_scene){
        .fixed = cloud, .moving = cloud, .fixed_count = POINTS, .moving_count = POINTS};
    return ALM_OK;
}

typedef struct known_report {
    char folder[300], path[400];
    alm_eval_set set[2];
    char expected[FILE_BYTES];
    size_t bytes;
    bool compare;
} known_report;

static int seeds[2] = {0, 1};

static size_t read_file(const char *path, char *to)
{
    const int file = open(path, O_RDONLY);
    const ssize_t bytes = file < 0 ? -1 : read(file, to, FILE_BYTES);
    if (file >= 0) {
        close(file);
    }
    return bytes < 0 ? 0 : (size_t)bytes;
}

static alm_status run(void *context, bool *right)
{
    const known_report *k = context;
    static char got[FILE_BYTES];
    const alm_report_options options = {
        .folder = k->folder, .resamples = 20, .threads = 1, .worst = 1, .scene = scene};
    const alm_status status = k->compare
                                  ? alm_compare_write(k->set, 1, "a", k->set + 1, 1, "b", &options)
                                  : alm_report_write(k->set, 2, &options);
    *right = status == ALM_OK && read_file(k->path, got) == k->bytes &&
             memcmp(got, k->expected, k->bytes) == 0;
    return status;
}

static void try_all(bool compare, const char *file)
{
    static known_report k;
    k = (known_report){.compare = compare};
    for (int i = 0; i < 3 * POINTS; i++) {
        cloud[i] = alm_test_uniform();
    }
    for (int i = 0; i < 2; i++) {
        k.set[i] = (alm_eval_set){.dataset = "d",
                                  .split = "test",
                                  .seed = compare ? 0 : i,
                                  .total = 6,
                                  .selected = 6,
                                  .rows = 6,
                                  .row = get_row,
                                  .context = &seeds[i]};
    }
    snprintf(k.folder, sizeof k.folder, "%s", alm_test_folder());
    snprintf(k.path, sizeof k.path, "%s/%s", k.folder, file);
    bool right = false;
    ALM_REQUIRE_OK(run(&k, &right));
    k.bytes = read_file(k.path, k.expected);
    ALM_REQUIRE(k.bytes > 1000 && k.bytes < FILE_BYTES);
    fault_run(&(fault_scenario){.name = compare ? "compare" : "report", .run = run, .context = &k});
}

ALM_TEST(report_faults, report)
{
    try_all(false, "report.json");
}

ALM_TEST(report_faults, compare)
{
    try_all(true, "compare.json");
}
