/* eval_results.json as it is written, against the golden files byte for byte. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernels/core/memory.h"
#include "runtime/eval/eval_config.h"
#include "runtime/eval/means.h"
#include "tests/eval/results_file.h"
#include "tests/shim/alm_test.h"

static const char *golden(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "assembench/%s", name);
    return alm_test_golden(path);
}

ALM_TEST(results, golden_files_byte_for_byte)
{
    char path[1024], out[1024], partial[1040]; /* the helpers' texts do not last so long */
    int rows = 0;
    snprintf(out, sizeof out, "%s/eval_results.json", alm_test_folder());
    snprintf(partial, sizeof partial, "%s.partial", out);
    for (int i = 0; i < RESULTS_FILES; i++) {
        results_file file;
        snprintf(path, sizeof path, "%s", golden(results_file_name(i)));
        ALM_REQUIRE(results_file_load(path, &file));
        rows += (int)file.set.rows;
        ALM_CHECK_STATUS(alm_results_write(out, &file.set, &file.run), ALM_OK);
        ALM_CHECK_INT(file.calls, 2 * file.set.rows);
        results_file_free(&file);
        ALM_CHECK(results_files_equal(out, path));
    }
    ALM_CHECK_INT(rows, 156);
    ALM_CHECK(access(partial, F_OK) != 0);
}

ALM_TEST(results, rows_of_the_good_samples)
{
    const char *out = alm_test_path(alm_test_folder(), "eval_results.json");
    json_t *rows = json_load_file(golden("broken/good_rows.json"), 0, NULL);
    alm_eval_row row[3];
    ALM_REQUIRE(json_array_size(rows) == 3);
    for (size_t i = 0; i < 3; i++) {
        ALM_REQUIRE(results_row_parse(json_array_get(rows, i), &row[i]));
    }
    const alm_eval_set set = {.split = "test",
                              .total = 23,
                              .selected = 20,
                              .rows = 3,
                              .row = results_rows_get,
                              .context = row};
    ALM_REQUIRE_OK(alm_results_write(out, &set, &(alm_results_run){.run_timestamp = "t"}));
    json_t *root = json_load_file(out, 0, NULL);
    char *got = json_dumps(json_object_get(root, "details"), JSON_REAL_PRECISION(17));
    char *expected = json_dumps(rows, JSON_REAL_PRECISION(17)); /* in the order of the file */
    ALM_CHECK(got && expected && strcmp(got, expected) == 0);
    const json_t *summary = json_object_get(root, "summary");
    static const int counts[ALM_COUNTS] = {23, 20, 3, 3, 17, 20, 3, 0};
    for (int i = 0; i < ALM_COUNTS; i++) {
        ALM_CHECK_INT(json_integer_value(json_object_get(summary, alm_count_names[i])), counts[i]);
    }
    ALM_CHECK(json_is_null(json_object_get(root, "dataset_name")));
    ALM_CHECK(json_is_null(json_object_get(root, "ckpt_path")));
    ALM_CHECK(json_object_size(json_object_get(root, "config")) == 0);
    free(got);
    free(expected);
    json_decref(root);
    json_decref(rows);
}

/* What the reference never writes, as text. */
static const char unusual[] = "{\n"
                              "  \"summary\": {\n"
                              "    \"Total Dataset Samples\": 5,\n"
                              "    \"Selected Samples\": 5,\n"
                              "    \"Evaluated Samples\": 5,\n"
                              "    \"Not Selected Samples\": 0,\n"
                              "    \"Dropped Samples\": 0,\n"
                              "    \"Unevaluated Samples\": 0,\n"
                              "    \"Valid Samples\": 0,\n"
                              "    \"Invalid Samples\": 5,\n"
                              "    \"Avg Pose Loss\": 0.0\n"
                              "  },\n"
                              "  \"per_category\": {},\n"
                              "  \"dataset_name\": \"a\\\"b\\\\c\\nd\\u0001\",\n"
                              "  \"split\": \"test\",\n"
                              "  \"run_timestamp\": \"20260101_000000\",\n"
                              "  \"seed\": 4294967295,\n"
                              "  \"config\": {},\n"
                              "  \"ckpt_path\": \"a\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\",\n"
                              "  \"details\": [\n";

ALM_TEST(results, unreadable_and_overflowing_rows)
{
    const char *out = alm_test_path(alm_test_folder(), "eval_results.json");
    alm_eval_row row[5] = {
        {.idx = 7, .asset = "broken", .error = "clouds: is missing"},
        {.has_truth = true, .valid = true, .true_t = {INFINITY, 0, 0}},
        {.has_truth = true, .valid = true, .pred_r = {0, 0, NAN}},
        {.has_truth = true, .valid = true, .metric = {[ALM_METRIC_RMSE_T] = INFINITY}},
        {.has_truth = true},
    };
    static const char *const errors[5] = {
        "clouds: is missing", "The true pose is not finite.", "The pose is not finite.",
        "The pose is so far away that a metric is not finite.", "Model returned an invalid pose."};
    const alm_eval_set set = {.dataset = "a\"b\\c\nd\x01",
                              .split = "test",
                              .seed = 4294967295,
                              .total = 5,
                              .selected = 5,
                              .rows = 5,
                              .row = results_rows_get,
                              .context = row};
    size_t bytes;
    ALM_REQUIRE_OK(alm_results_write(
        out, &set,
        &(alm_results_run){.ckpt_path = "a\xff\xc3\xa9\xc3", .run_timestamp = "20260101_000000"}));
    char *text = alm_test_read(out, &bytes);
    ALM_REQUIRE(text && bytes > sizeof unusual);
    ALM_CHECK(memcmp(text, unusual, sizeof unusual - 1) == 0);
    free(text);
    json_t *root = json_load_file(out, 0, NULL);
    const json_t *details = json_object_get(root, "details");
    ALM_CHECK_INT(json_array_size(details), 5);
    for (size_t i = 0; i < 5; i++) {
        const json_t *one = json_array_get(details, i);
        const char *error = json_string_value(json_object_get(one, "error"));
        ALM_CHECK(error && strcmp(error, errors[i]) == 0);
        ALM_CHECK_INT(json_object_size(one), 11);
        ALM_CHECK(json_is_null(json_object_get(one, "true_R")) == (i < 2));
        ALM_CHECK(json_is_null(json_object_get(one, "true_T")) == (i < 2));
        ALM_CHECK(json_is_null(json_object_get(one, "pred_T")));
        ALM_CHECK_TEXT(json_string_value(json_object_get(one, "instruction")),
                       "Assemble the Unlabeled object <pose_query>");
    }
    json_decref(root);
}

static alm_status failing_row(void *context, int64_t row, alm_eval_row *out)
{
    (void)context;
    *out = (alm_eval_row){.idx = row};
    return row < 3 ? ALM_OK : alm_fail(ALM_STATUS_SAMPLE, "row %d is lost", (int)row);
}

ALM_TEST(results, no_file_when_it_fails)
{
    const char *folder = alm_test_folder(), *out = alm_test_path(folder, "r.json");
    alm_eval_set set = {.split = "test", .rows = 5, .row = failing_row};
    const alm_results_run run = {.run_timestamp = "t"};
    ALM_CHECK_STATUS(alm_results_write(out, &set, &run), ALM_STATUS_SAMPLE);
    ALM_CHECK_TEXT(alm_error_message(), "row 3 is lost");
    ALM_CHECK(access(out, F_OK) != 0);
    set.rows = 3;
    ALM_CHECK_STATUS(alm_results_write(alm_test_path(folder, "no/r.json"), &set, &run),
                     ALM_STATUS_OUTPUT);
    ALM_CHECK_STATUS(alm_results_write("/dev/full", &set, &run), ALM_STATUS_OUTPUT);
    ALM_CHECK_TEXT(alm_error_message(), "/dev/full");
    /* A config that cannot be JSON leaves nothing behind. */
    alm_tree bad = {.file = "bad"};
    int root, node;
    ALM_REQUIRE_OK(alm_tree_add(&bad, -1, NULL, 0, ALM_TREE_MAP, NULL, 0, &root));
    ALM_REQUIRE_OK(alm_tree_add(&bad, root, "x", 1, ALM_TREE_REAL, "1", 1, &node));
    bad.node[node].real = NAN;
    ALM_CHECK_STATUS(alm_results_write(out, &set, &(alm_results_run){.config = &bad}),
                     ALM_STATUS_INTERNAL);
    alm_tree_clear(&bad);
    ALM_CHECK(access(out, F_OK) != 0);
    ALM_CHECK(access(alm_test_path(folder, "r.json.partial"), F_OK) != 0);
}

/* A run that was killed leaves a .partial; a link in its place must not lead elsewhere. */
ALM_TEST(results, a_partial_file_is_replaced)
{
    const char *folder = alm_test_folder(), *out = alm_test_path(folder, "r.json");
    const char *partial = alm_test_path(folder, "r.json.partial");
    const char *other = alm_test_path(folder, "other");
    const alm_eval_set set = {.split = "test"};
    size_t bytes;
    alm_test_write(other, "keep", 4);
    ALM_REQUIRE(symlink(other, partial) == 0);
    ALM_CHECK_STATUS(alm_results_write(out, &set, &(alm_results_run){.run_timestamp = "t"}),
                     ALM_OK);
    char *kept = alm_test_read(other, &bytes);
    ALM_CHECK(kept && bytes == 4 && memcmp(kept, "keep", 4) == 0);
    free(kept);
    struct stat about;
    ALM_CHECK(lstat(out, &about) == 0 && S_ISREG(about.st_mode));
    ALM_CHECK(access(partial, F_OK) != 0);
}

ALM_TEST(results, config_as_it_stands)
{
    static const char yaml[] = "a: ${oc.env:HOME}\nlist: [1, 2.50, 1e-5, true, null, 'x', []]\n"
                               "datasets: {other: {}}\nname: \"\xc3\x89\"\nlr: 1.0e-04\n";
    static const char expected[] = "  \"config\": {\n"
                                   "    \"a\": \"${oc.env:HOME}\",\n"
                                   "    \"list\": [\n"
                                   "      1,\n"
                                   "      2.5,\n"
                                   "      1e-05,\n"
                                   "      true,\n"
                                   "      null,\n"
                                   "      \"x\",\n"
                                   "      []\n"
                                   "    ],\n"
                                   "    \"datasets\": {\n"
                                   "      \"other\": {},\n"
                                   "      \"assemble_data\": {\n"
                                   "        \"train_mix\": \"p+q\",\n"
                                   "        \"test_mix\": \"p+q\"\n"
                                   "      }\n"
                                   "    },\n"
                                   "    \"name\": \"\xc3\x89\",\n"
                                   "    \"lr\": 0.0001\n"
                                   "  },\n";
    const char *folder = alm_test_folder(), *path = alm_test_path(folder, "config.yaml");
    const char *out = alm_test_path(folder, "r.json");
    const alm_eval_set set = {.split = "test"};
    alm_tree config = {0};
    size_t bytes;
    alm_test_write(path, yaml, sizeof yaml - 1);
    ALM_REQUIRE_OK(alm_eval_config_load(path, &config));
    ALM_REQUIRE_OK(alm_eval_config_mix(&config, "p+q"));
    ALM_REQUIRE_OK(
        alm_results_write(out, &set, &(alm_results_run){.run_timestamp = "t", .config = &config}));
    alm_tree_clear(&config);
    char *text = alm_test_read(out, &bytes);
    ALM_REQUIRE(text);
    ALM_CHECK_TEXT(text, expected);
    free(text);
}

ALM_TEST(results, config_that_is_refused)
{
    const char *folder = alm_test_folder(), *path = alm_test_path(folder, "config.yaml");
    alm_tree config = {0};
    alm_test_write(path, "- 1\n", 4);
    ALM_CHECK_STATUS(alm_eval_config_load(path, &config), ALM_STATUS_MODEL);
    ALM_CHECK_TEXT(alm_error_message(), "no map of settings");
    alm_tree_clear(&config);
    alm_test_write(path, "datasets: 3\n", 12);
    ALM_REQUIRE_OK(alm_eval_config_load(path, &config));
    ALM_CHECK_STATUS(alm_eval_config_mix(&config, "p"), ALM_STATUS_MODEL);
    ALM_CHECK_TEXT(alm_error_message(), "datasets is no map");
    alm_tree_clear(&config);
    ALM_CHECK_STATUS(alm_eval_config_load(alm_test_path(folder, "none"), &config),
                     ALM_STATUS_MODEL);
    alm_tree_clear(&config);
    /* Without a file: the mixture alone. */
    config = (alm_tree){.file = "none"};
    ALM_REQUIRE_OK(alm_eval_config_mix(&config, "p"));
    ALM_REQUIRE_OK(alm_eval_config_mix(&config, "longer"));
    ALM_CHECK(strcmp(alm_tree_string(&config, "datasets.assemble_data.test_mix"), "longer") == 0);
    alm_tree_clear(&config);
}
