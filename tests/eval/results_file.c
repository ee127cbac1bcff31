#include "tests/eval/results_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/eval/eval_config.h"
#include "tests/shim/alm_test.h"

const char *results_file_name(int index)
{
    static const char *const dataset[] = {"biasassembly", "ikea", "partnet", "twobytwo"};
    static const char *const split[] = {"train", "test"};
    static const char *const run[] = {"invalid/0", "mixture/0", "mixture/1",
                                      "plain/0",   "wrap/0",    "wrap/1"};
    static const int seed[] = {0, 1, 42};
    static char name[256];
    if (index < 24) {
        snprintf(name, sizeof name,
                 "eval_results/stub.pt/20260101_000000/%s/seed_%d/%s/20260101_000000/"
                 "eval_results.json",
                 dataset[index / 6], seed[index / 2 % 3], split[index % 2]);
    } else {
        snprintf(name, sizeof name, "runs/%s/20260101_000000/eval_results.json", run[index - 24]);
    }
    return name;
}

static bool take_reals(const json_t *list, float *out, size_t count)
{
    if (json_array_size(list) != count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        out[i] = (float)json_number_value(json_array_get(list, i));
    }
    return true;
}

static bool take_rotation(const json_t *list, float *out)
{
    bool good = json_array_size(list) == 3;
    for (size_t i = 0; i < 3 && good; i++) {
        good = take_reals(json_array_get(list, i), out + 3 * i, 3);
    }
    return good;
}

bool results_row_parse(const json_t *details, alm_eval_row *out)
{
    *out = (alm_eval_row){.idx = json_integer_value(json_object_get(details, "idx")),
                          .asset = json_string_value(json_object_get(details, "asset")),
                          .category = json_string_value(json_object_get(details, "category")),
                          .valid = json_is_true(json_object_get(details, "valid")),
                          .has_truth = true,
                          .error = json_string_value(json_object_get(details, "error"))};
    bool good = out->asset && out->category &&
                take_reals(json_object_get(details, "true_T"), out->true_t, 3) &&
                take_rotation(json_object_get(details, "true_R"), out->true_r);
    if (good && out->valid) {
        good = take_reals(json_object_get(details, "pred_T"), out->pred_t, 3) &&
               take_rotation(json_object_get(details, "pred_R"), out->pred_r);
        for (int i = 0; i < ALM_METRICS; i++) {
            const json_t *value = json_object_get(details, alm_metric_names[i]);
            good = good && json_is_real(value);
            out->metric[i] = (float)json_real_value(value);
        }
    }
    return good;
}

alm_status results_rows_get(void *context, int64_t row, alm_eval_row *out)
{
    *out = ((const alm_eval_row *)context)[row];
    return ALM_OK;
}

static alm_status get_row(void *context, int64_t row, alm_eval_row *out)
{
    results_file *file = context;
    file->calls++;
    *out = file->row[row];
    return ALM_OK;
}

static int64_t count_of(const json_t *root, alm_count which)
{
    const json_t *summary = json_object_get(root, "summary");
    return json_integer_value(json_object_get(summary, alm_count_names[which]));
}

static bool load_rows(results_file *file)
{
    const json_t *details = json_object_get(file->root, "details");
    const size_t rows = json_array_size(details);
    file->row = calloc(rows + 1, sizeof *file->row);
    for (size_t i = 0; i < rows && file->row; i++) {
        if (!results_row_parse(json_array_get(details, i), &file->row[i])) {
            ALM_FAIL("row %zu cannot be read", i);
            return false;
        }
    }
    file->set = (alm_eval_set){
        .dataset = json_string_value(json_object_get(file->root, "dataset_name")),
        .split = json_string_value(json_object_get(file->root, "split")),
        .seed = json_integer_value(json_object_get(file->root, "seed")),
        .total = count_of(file->root, ALM_COUNT_TOTAL),
        .selected = count_of(file->root, ALM_COUNT_SELECTED),
        .rows = (int64_t)rows,
        .row = get_row,
        .context = file,
    };
    return file->row != NULL;
}

static bool load_config(results_file *file)
{
    const char *mix = NULL;
    json_unpack(file->root, "{s{s{s{ss}}}}", "config", "datasets", "assemble_data", "train_mix",
                &mix);
    return mix &&
           alm_eval_config_load(alm_test_golden("assembench/config.yaml"), &file->config) ==
               ALM_OK &&
           alm_eval_config_mix(&file->config, mix) == ALM_OK;
}

bool results_file_load(const char *path, results_file *out)
{
    *out = (results_file){.root = json_load_file(path, 0, NULL)};
    if (!out->root || !load_rows(out) || !load_config(out)) {
        ALM_FAIL("%s: cannot be read: %s", path, alm_error_message());
        results_file_free(out);
        return false;
    }
    out->run = (alm_results_run){
        .ckpt_path = json_string_value(json_object_get(out->root, "ckpt_path")),
        .run_timestamp = json_string_value(json_object_get(out->root, "run_timestamp")),
        .config = &out->config};
    return true;
}

void results_file_free(results_file *file)
{
    json_decref(file->root);
    free(file->row);
    alm_tree_clear(&file->config);
    *file = (results_file){.root = NULL};
}

bool results_files_equal(const char *got_path, const char *expected_path)
{
    size_t n_got, n_expected, at = 0, line = 1;
    char *got = alm_test_read(got_path, &n_got);
    char *expected = alm_test_read(expected_path, &n_expected);
    const bool equal = got && expected && n_got == n_expected && memcmp(got, expected, n_got) == 0;
    if (got && expected && !equal) {
        while (at < n_got && at < n_expected && got[at] == expected[at]) {
            line += got[at++] == '\n';
        }
        const size_t from = at < 40 ? 0 : at - 40;
        ALM_FAIL("%s: line %zu differs: \"%.*s\", expected \"%.*s\"", expected_path, line,
                 (int)(n_got - from < 80 ? n_got - from : 80), got + from,
                 (int)(n_expected - from < 80 ? n_expected - from : 80), expected + from);
    }
    free(got);
    free(expected);
    return equal;
}
