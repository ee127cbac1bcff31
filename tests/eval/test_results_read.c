/* Reading eval_results.json: the golden files, and what is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/eval/results_read.h"
#include "tests/eval/results_file.h"
#include "tests/shim/alm_test.h"

static const char *golden(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "assembench/%s", name);
    return alm_test_golden(path);
}

/* Compares what is visited with what jansson read. */
typedef struct watcher {
    results_file file;
    size_t next;
    bool right;
} watcher;

static bool same_reals(const double *got, const float *expected, int count)
{
    for (int i = 0; i < count; i++) {
        if ((float)got[i] != expected[i]) {
            return false;
        }
    }
    return true;
}

static alm_status watch(void *context, const alm_results_row *row)
{
    watcher *w = context;
    const alm_eval_row *e = &w->file.row[w->next++];
    w->right = w->right && row->idx == e->idx && row->valid == e->valid &&
               strcmp(row->asset, e->asset) == 0 && strcmp(row->category, e->category) == 0 &&
               (row->error == NULL) == (e->error == NULL) && row->pose_loss == 0 &&
               row->has_truth && same_reals(row->true_t, e->true_t, 3) &&
               same_reals(row->true_r, e->true_r, 9) && row->has_pose == e->valid;
    if (row->valid) {
        w->right = w->right && same_reals(row->pred_t, e->pred_t, 3) &&
                   same_reals(row->pred_r, e->pred_r, 9) &&
                   same_reals(row->metric, e->metric, ALM_METRICS);
    }
    return ALM_OK;
}

ALM_TEST(results_read, golden_files)
{
    char path[1024];
    int means = 0;
    for (int i = 0; i < RESULTS_FILES; i++) {
        watcher w = {.right = true};
        alm_results r;
        const alm_results_visit visit = {.row = watch, .context = &w, .poses = true};
        snprintf(path, sizeof path, "%s", golden(results_file_name(i)));
        ALM_REQUIRE(results_file_load(path, &w.file));
        ALM_REQUIRE_OK(alm_results_open(path, &visit, &r));
        ALM_CHECK(w.right);
        ALM_CHECK_INT(w.next, w.file.set.rows);
        ALM_CHECK_INT(r.seed, w.file.set.seed);
        ALM_CHECK(strcmp(r.split, w.file.set.split) == 0);
        ALM_CHECK(strcmp(r.ckpt_path, "checkpoint/stub.pt") == 0);
        ALM_CHECK(strcmp(r.run_timestamp, "20260101_000000") == 0);
        ALM_CHECK(w.file.set.dataset ? r.dataset && !strcmp(r.dataset, w.file.set.dataset)
                                     : r.dataset == NULL);
        ALM_CHECK_INT(r.count[ALM_COUNT_TOTAL], w.file.set.total);
        ALM_CHECK_INT(r.count[ALM_COUNT_VALID], r.rows.valid);
        ALM_CHECK(r.has_pose_loss && r.pose_loss == 0);
        for (int k = 0; k < ALM_METRICS; k++) {
            ALM_CHECK(r.has_mean[k] == (r.rows.valid > 0));
            if (r.has_mean[k]) {
                const double mean = alm_means_get(&r.rows, (alm_metric)k);
                ALM_CHECK_NEAR(mean, r.mean[k], 1e-12 * fabs(r.mean[k]));
                means++;
            }
        }
        alm_results_close(&r);
        results_file_free(&w.file);
    }
    ALM_CHECK_INT(means, 7 * 26); /* four files have no valid row */
}

/* ---- Refusals ---- */

/* A good text, small enough to be cut off everywhere. ROW is one valid row. */
#define HEAD                                                                                       \
    "{\"summary\": {\"Total Dataset Samples\": 3, \"Selected Samples\": 2, \"Evaluated "           \
    "Samples\": 2,"                                                                                \
    " \"Not Selected Samples\": 1, \"Dropped Samples\": 0, \"Unevaluated Samples\": 1,"            \
    " \"Valid Samples\": 1, \"Invalid Samples\": 1, \"Avg Pose Loss\": 0.0, \"Avg GD\": 2.5},"     \
    " \"per_category\": {\"A\": {\"count\": 1, \"CD\": 0.5}}, \"dataset_name\": \"ikea\","         \
    " \"split\": \"test\", \"run_timestamp\": \"20260101_000000\", \"seed\": 4,"                   \
    " \"config\": {\"x\": [1, {}]}, \"ckpt_path\": \"c.pt\", \"details\": ["
#define ROW                                                                                        \
    "{\"idx\": 0, \"asset\": \"a\", \"category\": \"A\", \"instruction\": \"i\","                  \
    " \"pose_loss\": 0.0, \"valid\": true, \"true_T\": [1, 2, 3],"                                 \
    " \"true_R\": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], \"pred_T\": [1, 2, 4],"                       \
    " \"pred_R\": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], \"GD\": 2.5, \"RMSE(T)\": 0.5, \"CD\": 0.25," \
    " \"CD(R)\": 0.125, \"PA(0.01)\": 1.0, \"PA(0.008)\": 0.0, \"PA(0.005)\": 0.0}"
#define BAD_ROW                                                                                    \
    "{\"idx\": 1, \"asset\": \"b\", \"category\": \"B\", \"instruction\": \"i\","                  \
    " \"pose_loss\": 0.5, \"valid\": false, \"true_T\": null, \"true_R\": null, \"pred_T\": null," \
    " \"pred_R\": null, \"error\": \"e\"}"
static const char good[] = HEAD ROW ", " BAD_ROW "]}\n";

static alm_status open_text(const char *text, size_t bytes, bool poses)
{
    alm_results r;
    /* A block of its own size, so that a sanitizer sees what is read behind it. */
    char *copy = malloc(bytes ? bytes : 1);
    if (!copy) {
        return ALM_STATUS_MEMORY;
    }
    memcpy(copy, text, bytes);
    const alm_status status =
        alm_results_open_text("r.json", copy, bytes, &(alm_results_visit){.poses = poses}, &r);
    if (status == ALM_OK) {
        alm_results_close(&r);
    }
    free(copy);
    return status;
}

/* The good text with `from` (which is there once) replaced; free() it. */
static char *replaced(const char *from, const char *to)
{
    const char *at = strstr(good, from);
    const size_t bytes = sizeof good + strlen(to);
    char *text = malloc(bytes);
    if (!at || strstr(at + 1, from) || !text) {
        ALM_FAIL("\"%s\" is not there once", from);
        free(text);
        return NULL;
    }
    snprintf(text, bytes, "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
    return text;
}

static void refuse(const char *from, const char *to, const char *message)
{
    char *text = replaced(from, to);
    for (int poses = 0; text && poses < 2; poses++) {
        alm_error_clear();
        const alm_status status = open_text(text, strlen(text), poses != 0);
        if (status != ALM_STATUS_USAGE) {
            ALM_FAIL("\"%s\": %s, expected it to be refused", to, alm_status_name(status));
        }
        ALM_CHECK_TEXT(alm_error_message(), "r.json: ");
        ALM_CHECK_TEXT(alm_error_message(), message);
        ALM_CHECK(!strchr(alm_error_message(), '\n'));
    }
    free(text);
}

ALM_TEST(results_read, what_is_good)
{
    alm_results r;
    ALM_REQUIRE_OK(alm_results_open_text("r.json", good, sizeof good - 1, NULL, &r));
    ALM_CHECK_INT(r.rows.rows, 2);
    ALM_CHECK(r.rows.pose_loss == 0.5 && r.rows.sum[ALM_METRIC_CD] == 0.25);
    ALM_CHECK(r.has_mean[ALM_METRIC_GD] && !r.has_mean[ALM_METRIC_CD]);
    ALM_CHECK(r.per_category.bytes == strlen("{\"A\": {\"count\": 1, \"CD\": 0.5}}"));
    alm_results_close(&r);
    ALM_CHECK_STATUS(open_text(good, sizeof good - 1, true), ALM_OK);
    /* Other orders, keys that are not known, null for the name, none. */
    static const char *const fine[][2] = {
        {"\"dataset_name\": \"ikea\",", "\"dataset_name\": null, \"other\": [{\"summary\": 1}],"},
        {"\"dataset_name\": \"ikea\",", ""},
        {"\"ckpt_path\": \"c.pt\"", "\"ckpt_path\": null"},
        {"\"idx\": 0, \"asset\": \"a\", \"category\": \"A\",",
         "\"category\": \"A\", \"more\": {},"},
        {"\"error\": \"e\"", "\"error\": null"},
        {"\"Avg GD\": 2.5", "\"Other\": [1]"},
        {"\"GD\": 2.5, \"RMSE(T)\"", "\"GD\": 25e-1, \"RMSE(T)\""},
    };
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
        char *text = replaced(fine[i][0], fine[i][1]);
        ALM_REQUIRE(text);
        ALM_CHECK_STATUS(open_text(text, strlen(text), true), ALM_OK);
        free(text);
    }
}

ALM_TEST(results_read, counts_and_heads_that_are_refused)
{
    static const char *const bad[][3] = {
        {"\"Total Dataset Samples\": 3", "\"Total Dataset Samples\": -3",
         "summary.Total Dataset Samples is -3, expected a whole number from 0 to"},
        {"\"Selected Samples\": 2,", "\"Selected Samples\": 2.0,",
         "summary.Selected Samples is 2.0, expected a whole number"},
        {"\"Dropped Samples\": 0", "\"Dropped Samples\": true", "summary.Dropped Samples is"},
        {"\"Dropped Samples\": 0", "\"Dropped Samples\": \"0\"", "summary.Dropped Samples is"},
        {"\"Dropped Samples\": 0", "\"Dropped Samples\": NaN", "summary.Dropped Samples is"},
        {"\"Dropped Samples\": 0", "\"Dropped Samples\": 99999999999999999999999",
         "summary.Dropped Samples is 99999999999999999999999, expected"},
        {"\"Dropped Samples\": 0, ", "", "summary.Dropped Samples is missing"},
        {"\"Dropped Samples\": 0", "\"Dropped Samples\": 0, \"Dropped Samples\": 0",
         "the key \"Dropped Samples\" is there twice"},
        {"\"Evaluated Samples\": 2", "\"Evaluated Samples\": 3",
         "summary.Evaluated Samples is 3, expected 2, the number of rows in details"},
        {"\"Valid Samples\": 1", "\"Valid Samples\": 2",
         "summary.Valid Samples is 2, expected 1, the number of valid rows"},
        {"\"Invalid Samples\": 1", "\"Invalid Samples\": 0",
         "summary.Invalid Samples is 0, expected 1, the number of invalid rows"},
        {"\"Avg GD\": 2.5", "\"Avg GD\": NaN", "summary.Avg GD is NaN, expected a finite number"},
        {"\"Avg GD\": 2.5", "\"Avg GD\": -Infinity", "summary.Avg GD is -Infinity, expected a"},
        {"\"Avg GD\": 2.5", "\"Avg GD\": 1e999", "summary.Avg GD is 1e999, expected a finite"},
        {"\"Avg GD\": 2.5", "\"Avg GD\": null", "summary.Avg GD is null, expected a finite"},
        {"\"Avg GD\": 2.5", "\"Other\": [Infinity]", "summary.Other is Infinity, expected"},
        {"\"CD\": 0.5}", "\"CD\": NaN}", "per_category is NaN, expected a finite number"},
        {"\"split\": \"test\"", "\"split\": null", "split is no text"},
        {"\"split\": \"test\", ", "", "split is missing"},
        {"\"dataset_name\": \"ikea\"", "\"dataset_name\": 3", "dataset_name is no text"},
        {"\"dataset_name\": \"ikea\"", "\"dataset_name\": \"a\", \"dataset_name\": \"a\"", "twice"},
        {"\"seed\": 4", "\"seed\": 4294967296", "seed is 4294967296, expected a whole number"},
        {"\"seed\": 4", "\"seed\": null", "seed is no number"},
        {"\"seed\": 4, ", "", "seed is missing"},
        {"\"ckpt_path\": \"c.pt\", ", "", "ckpt_path is missing"},
        {"\"per_category\": {\"A\": {\"count\": 1, \"CD\": 0.5}}", "\"per_category\": []",
         "per_category is no object"},
        {"\"summary\": {", "\"summary\": 1, \"x\": {", "summary is no object"},
        {"\"config\": {\"x\": [1, {}]}", "\"config\": {\"x\": [1, {]}}", "expected '\"'"},
        {"]}\n", "]} x", "text follows the JSON value"},
        {"\"details\": [{", "\"details\": 5, \"y\": [{", "details is no list"},
        {"\"details\": [{", "\"details\": [5, {", "details[0] is no object"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        refuse(bad[i][0], bad[i][1], bad[i][2]);
    }
}

ALM_TEST(results_read, rows_that_are_refused)
{
    static const char *const bad[][3] = {
        {"\"valid\": true", "\"valid\": 1", "details[0].valid is a number, expected true or false"},
        {"\"valid\": true", "\"valid\": \"true\"", "details[0].valid is a text, expected true or"},
        {"\"valid\": false", "\"valid\": null", "details[1].valid is null, expected true or false"},
        {", \"valid\": false", "", "details[1].valid is missing"},
        {", \"valid\": true", ", \"valid\": true, \"valid\": true", "is there twice"},
        {"\"GD\": 2.5, \"RMSE(T)\"", "\"GD\": NaN, \"RMSE(T)\"", "details[0].GD is NaN, expected"},
        {"\"CD\": 0.25", "\"CD\": Infinity", "details[0].CD is Infinity, expected a finite number"},
        {"\"CD\": 0.25", "\"CD\": 1e309", "details[0].CD is 1e309, expected a finite number"},
        {"\"CD\": 0.25", "\"CD\": \"0.25\"", "details[0].CD is a text, expected a finite number"},
        {" \"CD\": 0.25,", "", "details[0].CD is missing, expected a number in a valid row"},
        {"\"pose_loss\": 0.5", "\"pose_loss\": -Infinity", "details[1].pose_loss is -Infinity"},
        {"\"pose_loss\": 0.5, ", "", "details[1].pose_loss is missing"},
        {"\"category\": \"B\", ", "", "details[1].category is missing"},
        {"\"category\": \"B\"", "\"category\": null", "details[1].category is no text"},
        {"\"category\": \"B\"", "\"category\": \"a\\u0000b\"", "\\u0000 is no character"},
        {"\"category\": \"B\"", "\"category\": \"\\ud800\"", "\\ud800 is no character"},
        {"\"category\": \"B\"", "\"category\": \"\xff\"", "is not UTF-8"},
        {"\"idx\": 1", "\"idx\": -1", "details[1].idx is -1, expected a whole number"},
        {"\"asset\": \"b\"", "\"asset\": 1", "details[1].asset is no text"},
        {"\"pred_T\": [1, 2, 4]", "\"pred_T\": [1, 2, NaN]", "details[0].pred_T is NaN, expected"},
        {"\"pred_T\": [1, 2, 4]", "\"pred_T\": [1, 2, 1e400]", "details[0].pred_T is 1e400"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        refuse(bad[i][0], bad[i][1], bad[i][2]);
    }
    /* 1e308 twice: each is finite, their sum is not. */
    char *text = replaced("\"pose_loss\": 0.5", "\"pose_loss\": 1e308");
    char *first = text ? strstr(text, "\"pose_loss\": 0.0") : NULL;
    if (first) {
        memcpy(first, "\"pose_loss\":1e308", 17);
        ALM_CHECK_STATUS(open_text(text, strlen(text), false), ALM_STATUS_USAGE);
    }
    free(text);
}

/* Poses are looked at only by who asks for them. */
ALM_TEST(results_read, poses_that_are_refused)
{
    static const char *const bad[][3] = {
        {"\"pred_T\": [1, 2, 4]", "\"pred_T\": [1, 2]",
         "details[0].pred_T is no list of 3 numbers"},
        {"\"pred_T\": [1, 2, 4]", "\"pred_T\": [1, 2, 4, 5]", "pred_T is no list of 3 numbers"},
        {"\"pred_T\": [1, 2, 4]", "\"pred_T\": [1, 2, \"4\"]", "pred_T is a text, expected"},
        {"\"pred_T\": [1, 2, 4]", "\"pred_T\": {}", "is '{', expected '['"},
        {"\"pred_T\": [1, 2, 4]", "\"pred_T\": null", "a valid row lacks a pose"},
        {"\"true_T\": [1, 2, 3]", "\"true_T\": null", "a valid row lacks a pose"},
        {"\"true_T\": [1, 2, 3],", "", "a valid row lacks a pose"},
        {"[[1, 0, 0], [0, 1, 0], [0, 0, 1]], \"pred_T\"", "[[1, 0, 0], [0, 1, 0]], \"pred_T\"",
         "details[0].true_R is no list of 3 rows of 3 numbers"},
        {"[[1, 0, 0], [0, 1, 0], [0, 0, 1]], \"GD\"",
         "[[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]], \"GD\"",
         "details[0].pred_R is no list of 3 rows of 3 numbers"},
        {"[[1, 0, 0], [0, 1, 0], [0, 0, 1]], \"GD\"", "[[1, 0, 0], null, [0, 0, 1]], \"GD\"",
         "details[0].pred_R is no list of 3 rows of 3 numbers"},
        {"[[1, 0, 0], [0, 1, 0], [0, 0, 1]], \"GD\"", "null, \"GD\"", "a valid row lacks a pose"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *text = replaced(bad[i][0], bad[i][1]);
        ALM_REQUIRE(text);
        ALM_CHECK_STATUS(open_text(text, strlen(text), false), ALM_OK);
        ALM_CHECK_STATUS(open_text(text, strlen(text), true), ALM_STATUS_USAGE);
        ALM_CHECK_TEXT(alm_error_message(), bad[i][2]);
        free(text);
    }
}

ALM_TEST(results_read, cut_off_anywhere)
{
    for (size_t bytes = 0; bytes < sizeof good - 2; bytes++) { /* the last one is a line end */
        for (int poses = 0; poses < 2; poses++) {
            if (open_text(good, bytes, poses != 0) != ALM_STATUS_USAGE) {
                ALM_FAIL("the first %zu bytes are accepted", bytes);
            }
        }
    }
    /* A golden file too, through the file system. */
    size_t bytes;
    char *text = alm_test_read(golden(results_file_name(6)), &bytes), path[1024];
    alm_results r;
    snprintf(path, sizeof path, "%s/r.json", alm_test_folder());
    for (size_t cut = 0; text && cut + 1 < bytes; cut++) {
        alm_test_write(path, text, cut);
        ALM_CHECK_STATUS(alm_results_open(path, NULL, &r), ALM_STATUS_USAGE);
    }
    free(text);
}

/* One byte changed anywhere: refused or read, never worse. */
ALM_TEST(results_read, bytes_that_are_changed)
{
    char text[sizeof good];
    int refused = 0;
    for (size_t i = 0; i < sizeof good - 1; i++) {
        static const char to[] = "\0\xff\"{]9-,";
        for (size_t k = 0; k < sizeof to - 1; k++) {
            memcpy(text, good, sizeof good);
            text[i] = to[k];
            const alm_status status = open_text(text, sizeof good - 1, true);
            ALM_CHECK(status == ALM_OK || status == ALM_STATUS_USAGE);
            refused += status != ALM_OK;
        }
    }
    ALM_CHECK(refused > (int)sizeof good);
}

ALM_TEST(results_read, hostile_sizes)
{
    enum { LARGE = 1000000 };
    char *long_text = malloc(LARGE + 32);
    ALM_REQUIRE(long_text);
    /* A category of a megabyte is a category. */
    memset(long_text, 'x', LARGE + 32);
    memcpy(long_text, "\"category\": \"", 13);
    memcpy(long_text + LARGE, "\"", 2);
    char *text = replaced("\"category\": \"B\"", long_text);
    ALM_CHECK(text && open_text(text, strlen(text), true) == ALM_OK);
    free(text);
    /* A number of a megabyte is none. */
    memset(long_text, '9', LARGE);
    memcpy(long_text, "\"CD\": ", 6);
    long_text[LARGE] = '\0';
    refuse("\"CD\": 0.25", long_text, "details[0].CD is 9999");
    /* Nesting. */
    memset(long_text, '[', LARGE);
    memcpy(long_text, "\"config\": ", 10);
    long_text[LARGE] = '\0';
    refuse("\"config\": {\"x\": [1, {}]}", long_text, "is nested deeper than 32 levels");
    memcpy(long_text, "\"Avg GD\": 1, \"x\": ", 18);
    refuse("\"Avg GD\": 2.5", long_text, "is nested deeper than 32 levels");
    free(long_text);
}

ALM_TEST(results_read, files_that_are_no_results)
{
    const char *folder = alm_test_folder(), *empty = alm_test_path(folder, "empty");
    alm_results r;
    alm_test_write(empty, "", 0);
    ALM_CHECK_STATUS(alm_results_open(alm_test_path(folder, "none"), NULL, &r), ALM_STATUS_USAGE);
    ALM_CHECK_TEXT(alm_error_message(), "No such file");
    ALM_CHECK_STATUS(alm_results_open(folder, NULL, &r), ALM_STATUS_USAGE);
    ALM_CHECK_STATUS(alm_results_open(empty, NULL, &r), ALM_STATUS_USAGE);
    ALM_CHECK_STATUS(alm_results_open_text("r.json", "[]", 2, NULL, &r), ALM_STATUS_USAGE);
    ALM_CHECK_TEXT(alm_error_message(), "holds no JSON object");
    ALM_CHECK_STATUS(
        alm_results_open(alm_test_golden("assembench/broken/data/assemlm_broken.hdf5"), NULL, &r),
        ALM_STATUS_USAGE);
}

ALM_TEST(results_read, results_of_another_run)
{
    static const struct {
        alm_results_expect expect;
        const char *message;
    } bad[] = {
        {{.dataset = "partnet", .seed = -1}, "r.json: dataset_name is ikea, expected partnet"},
        {{.split = "train", .seed = -1}, "r.json: split is test, expected train"},
        {{.ckpt_path = "d.pt", .seed = -1}, "r.json: ckpt_path is c.pt, expected d.pt"},
        {{.seed = 0}, "r.json: seed is 4, expected 0"},
    };
    alm_results r;
    ALM_REQUIRE_OK(alm_results_open_text("r.json", good, sizeof good - 1, NULL, &r));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ALM_CHECK_STATUS(alm_results_check(&r, &bad[i].expect), ALM_STATUS_USAGE);
        ALM_CHECK_TEXT(alm_error_message(), bad[i].message);
    }
    const alm_results_expect right = {
        .dataset = "ikea", .split = "test", .ckpt_path = "c.pt", .seed = 4};
    ALM_CHECK_STATUS(alm_results_check(&r, &right), ALM_OK);
    ALM_CHECK_STATUS(alm_results_check(&r, &(alm_results_expect){.seed = -1}), ALM_OK);
    alm_results_close(&r);
    char *text = replaced("\"dataset_name\": \"ikea\"", "\"dataset_name\": null");
    ALM_REQUIRE(text);
    ALM_REQUIRE_OK(alm_results_open_text("r.json", text, strlen(text), NULL, &r));
    ALM_CHECK_STATUS(alm_results_check(&r, &right), ALM_OK); /* null passes */
    alm_results_close(&r);
    free(text);
}
