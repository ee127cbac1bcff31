/* Sets of rows in memory for the tests of reports (report_support.h). */
#include "tests/eval/report_support.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/shim/alm_test.h"

typedef struct alm_test_rows {
    alm_eval_row *row;
    size_t count, capacity;
    char *dataset, *split;
} alm_test_rows;

static char *copy(const char *text)
{
    if (!text) {
        return NULL;
    }
    const size_t bytes = strlen(text) + 1;
    char *out = malloc(bytes);
    memcpy(out, text, bytes);
    return out;
}

static alm_status get_row(void *context, int64_t row, alm_eval_row *out)
{
    const alm_test_rows *rows = context;
    if (row < 0 || (size_t)row >= rows->count) {
        return alm_fail(ALM_STATUS_INTERNAL, "row %lld of %zu", (long long)row, rows->count);
    }
    *out = rows->row[row];
    return ALM_OK;
}

void alm_test_run_free(alm_test_run *run)
{
    for (int i = 0; i < run->count; i++) {
        alm_test_rows *rows = run->rows[i];
        for (size_t k = 0; k < rows->count; k++) {
            free((void *)(uintptr_t)rows->row[k].asset);
            free((void *)(uintptr_t)rows->row[k].category);
        }
        free(rows->row);
        free(rows->dataset);
        free(rows->split);
        free(rows);
    }
    *run = (alm_test_run){0};
}

int alm_test_run_set(alm_test_run *run, const char *dataset, const char *split, int64_t seed)
{
    alm_test_rows *rows = calloc(1, sizeof *rows);
    rows->dataset = copy(dataset);
    rows->split = copy(split);
    run->rows[run->count] = rows;
    run->set[run->count] = (alm_eval_set){.dataset = rows->dataset,
                                          .split = rows->split,
                                          .seed = seed,
                                          .row = get_row,
                                          .context = rows};
    return run->count++;
}

static alm_eval_row *add(alm_test_run *run, int set, const alm_eval_row *row)
{
    alm_test_rows *rows = run->rows[set];
    if (rows->count == rows->capacity) {
        rows->capacity = 2 * rows->capacity + 16;
        rows->row = realloc(rows->row, rows->capacity * sizeof *rows->row);
    }
    alm_eval_row *to = &rows->row[rows->count++];
    *to = *row;
    to->asset = copy(row->asset);
    to->category = copy(row->category);
    run->set[set].rows++;
    run->set[set].total++;
    run->set[set].selected++;
    return to;
}

alm_eval_row *alm_test_run_row(alm_test_run *run, int set, int64_t idx, const char *asset,
                               const char *category, float gd, float rmse, float cd)
{
    const alm_eval_row row = {
        .idx = idx,
        .asset = asset,
        .category = category,
        .valid = true,
        .has_truth = true,
        .true_r = {1, 0, 0, 0, 1, 0, 0, 0, 1},
        .pred_r = {1, 0, 0, 0, 1, 0, 0, 0, 1},
        .metric = {gd, rmse, cd, 0, cd < 0.01f, cd < 0.008f, cd < 0.005f},
        .symmetric_gd = gd,
        .symmetries = 1,
    };
    return add(run, set, &row);
}

void alm_test_row_invalid(alm_eval_row *row, const char *error, bool has_truth)
{
    row->valid = false;
    row->has_truth = has_truth;
    row->error = error;
    memset(row->metric, 0, sizeof row->metric);
}

/* ---- Golden files */

static bool add_detail(alm_test_run *run, int set, json_t *detail)
{
    const bool valid = json_is_true(json_object_get(detail, "valid"));
    alm_eval_row row = {
        .idx = json_integer_value(json_object_get(detail, "idx")),
        .asset = json_string_value(json_object_get(detail, "asset")),
        .category = json_string_value(json_object_get(detail, "category")),
        .valid = valid,
        .has_truth = true,
        .error = valid ? NULL : "Model returned an invalid pose.",
        .symmetries = 1,
    };
    for (int k = 0; k < ALM_METRICS && valid; k++) {
        const json_t *number = json_object_get(detail, alm_metric_names[k]);
        if (!json_is_number(number)) {
            return false;
        }
        row.metric[k] = (float)json_number_value(number);
    }
    row.symmetric_gd = row.metric[ALM_METRIC_GD];
    return row.asset && row.category && add(run, set, &row) != NULL;
}

static bool add_file(alm_test_run *run, const char *dataset, const char *split, int seed)
{
    char name[300];
    snprintf(name, sizeof name,
             "assembench/eval_results/stub.pt/20260101_000000/%s/seed_%d/%s/20260101_000000/"
             "eval_results.json",
             dataset, seed, split);
    json_error_t error;
    json_t *root = json_load_file(alm_test_golden(name), 0, &error);
    json_t *details = json_object_get(root, "details"), *detail = NULL;
    size_t i = 0;
    bool good = json_is_array(details);
    const int set = alm_test_run_set(run, dataset, split, seed);
    json_array_foreach(details, i, detail)
    {
        good = good && add_detail(run, set, detail);
    }
    json_decref(root);
    return good;
}

bool alm_test_run_golden(alm_test_run *run)
{
    static const char *const dataset[4] = {"biasassembly", "ikea", "partnet", "twobytwo"};
    static const char *const split[2] = {"train", "test"};
    static const int seed[3] = {0, 1, 42};
    for (int i = 0; i < 24; i++) {
        if (!add_file(run, dataset[i / 6], split[i / 3 % 2], seed[i % 3])) {
            ALM_FAIL("golden results of %s, %s, seed %d cannot be read", dataset[i / 6],
                     split[i / 3 % 2], seed[i % 3]);
            return false;
        }
    }
    return true;
}

char *alm_test_text(const char *folder, const char *name)
{
    size_t bytes = 0;
    char *data = alm_test_read(alm_test_path(folder, name), &bytes);
    char *text = malloc(bytes + 1);
    memcpy(text, data ? data : "", data ? bytes : 0);
    text[data ? bytes : 0] = '\0';
    free(data);
    return text;
}
