/* alm_eval with given poses: every golden run, and runs that were disturbed. */
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/eval/row.h"
#include "tests/eval/eval_runs.h"
#include "tests/shim/alm_test.h"

static const char *results_path(const char *run, const char *dataset, const char *seed,
                                const char *split)
{
    static char text[8][2048];
    static int next;
    char *at = text[next++ % 8];
    snprintf(at, sizeof text[0], "%s/%s/seed_%s/%s/20260101_000000/eval_results.json", run, dataset,
             seed, split);
    return at;
}

ALM_TEST(eval_run, gives_the_golden_results)
{
    static const char *const datasets[] = {"biasassembly", "ikea", "partnet", "twobytwo"};
    static const char *const seeds[] = {"0", "1", "42"}, *const splits[] = {"train", "test"};
    const char *out = eval_folder();
    const alm_eval_options options = eval_golden_options(out);
    ALM_REQUIRE_OK(alm_eval(NULL, &options));
    char golden[1024];
    snprintf(golden, sizeof golden, "%s",
             alm_test_golden("assembench/eval_results/stub.pt/20260101_000000"));
    int rows = 0;
    for (int d = 0; d < 4; d++) {
        for (int i = 0; i < 6; i++) {
            rows += eval_compare_results(
                results_path(eval_run_path(out, NULL), datasets[d], seeds[i / 2], splits[i % 2]),
                results_path(golden, datasets[d], seeds[i / 2], splits[i % 2]));
        }
    }
    ALM_CHECK_INT(rows, 117); /* lines of predictions.jsonl */
    struct stat info;
    ALM_CHECK(stat(eval_run_path(out, "eval_results_mean_variance.json"), &info) == 0);
    ALM_CHECK(stat(eval_run_path(out, "seed_42/eval_results.json"), &info) == 0);
}

typedef struct more {
    const char *name, *dataset, *split, *seed, *num_samples;
    int index;
    bool shuffle;
} more;

static void check_more(const more *m)
{
    char file[256], expected[1024];
    const char *out = eval_folder();
    alm_eval_options options = eval_golden_options(out);
    snprintf(file, sizeof file, "assembench/runs/%s/predictions.jsonl", m->name);
    options.predictions = alm_test_golden(file);
    options.datasets = m->dataset;
    options.splits = m->split;
    options.seeds = m->seed;
    options.num_samples = m->num_samples;
    options.shuffle = m->shuffle;
    ALM_REQUIRE_OK(alm_eval(NULL, &options));
    snprintf(file, sizeof file, "assembench/runs/%s/%d/20260101_000000/eval_results.json", m->name,
             m->index);
    snprintf(expected, sizeof expected, "%s", alm_test_golden(file));
    const char *got = results_path(eval_run_path(out, NULL), m->dataset, m->seed, m->split);
    if (strcmp(m->name, "plain") == 0) { /* the reference was not told a name */
        json_t *root = json_load_file(got, 0, NULL);
        ALM_REQUIRE(root != NULL);
        json_object_set_new(root, "dataset_name", json_null());
        json_t *golden = json_load_file(expected, 0, NULL);
        json_object_set(json_object_get(root, "config"), "datasets",
                        json_object_get(json_object_get(golden, "config"), "datasets"));
        json_decref(golden);
        json_dump_file(root, got, JSON_REAL_PRECISION(17));
        json_decref(root);
    }
    ALM_CHECK(eval_compare_results(got, expected) > 0);
}

ALM_TEST(eval_run, gives_the_other_golden_results)
{
    static const more runs[] = {
        {"mixture", "biasassembly+twobytwo", "test", "42", "all", 0, true},
        {"mixture", "assemlm_twobytwo+partnet_final_hdf5", "train", "1", "7", 1, true},
        {"plain", "twobytwo", "test", "42", NULL, 0, false},
        {"wrap", "ikea", "test", "4294967294", "6", 0, false},
        {"wrap", "ikea", "test", "4294967295", "2", 1, true},
        {"invalid", "ikea", "test", "3", "5", 0, true},
    };
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        check_more(&runs[i]);
    }
}

/* ---- Bad samples and bad files ---- */

static int notes;

static void count_note(void *context, const char *text)
{
    (void)context;
    (void)text;
    notes++;
}

ALM_TEST(eval_run, names_bad_samples_and_evaluates_the_others)
{
    char data[1024], predictions[1024];
    const char *out = eval_folder();
    alm_eval_options options = eval_golden_options(out);
    snprintf(data, sizeof data, "%s", alm_test_golden("assembench/broken/data"));
    snprintf(predictions, sizeof predictions, "%s",
             alm_test_golden("assembench/broken/predictions.jsonl"));
    options.data = data;
    options.predictions = predictions;
    options.splits = "test";
    options.seeds = "0";
    options.num_samples = NULL;
    options.shuffle = false;
    options.note = count_note;
    notes = 0;
    ALM_CHECK_STATUS(alm_eval(NULL, &options), ALM_STATUS_PARTIAL);
    ALM_CHECK_TEXT(alm_error_message(), "3 of 4 data sets");
    ALM_CHECK_INT(notes, 4); /* three files, and where the run is */
    const char *got = results_path(eval_run_path(out, NULL), "broken", "0", "test");
    json_t *root = json_load_file(got, 0, NULL);
    json_t *good = json_load_file(alm_test_golden("assembench/broken/good_rows.json"), 0, NULL);
    const json_t *rows = json_object_get(root, "details");
    ALM_REQUIRE(rows && good);
    size_t found = 0;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const bool valid = json_is_true(json_object_get(row, "valid"));
        const char *error = json_string_value(json_object_get(row, "error"));
        ALM_CHECK(valid == !error);
        if (valid) {
            json_t *expected = json_array_get(good, found++);
            ALM_CHECK_INT(json_integer_value(json_object_get(row, "idx")),
                          json_integer_value(json_object_get(expected, "idx")));
            const double cd = json_real_value(json_object_get(expected, "CD"));
            ALM_CHECK_NEAR(json_real_value(json_object_get(row, "CD")), cd, 1e-5 * cd + 2e-8);
        } else {
            ALM_CHECK(strlen(error) > 10 || strcmp(error, "no prediction") == 0);
        }
    }
    ALM_CHECK_INT(found, json_array_size(good));
    json_decref(root);
    json_decref(good);
}

ALM_TEST(eval_run, refuses_what_is_no_option)
{
    static const struct {
        size_t at;
        const char *value, *text;
    } bad[] = {
        {offsetof(alm_eval_options, datasets), "partnext", "partnext"},
        {offsetof(alm_eval_options, datasets), "ikea,ikea", "twice"},
        {offsetof(alm_eval_options, datasets), "../ikea", "../ikea"},
        {offsetof(alm_eval_options, splits), "dev", "dev"},
        {offsetof(alm_eval_options, splits), "test,test", "twice"},
        {offsetof(alm_eval_options, seeds), "4294967296", "4294967296"},
        {offsetof(alm_eval_options, seeds), "3-1", "3-1"},
        {offsetof(alm_eval_options, seeds), "1,1", "twice"},
        {offsetof(alm_eval_options, seeds), "-1", "-1"},
        {offsetof(alm_eval_options, num_samples), "0", "0"},
        {offsetof(alm_eval_options, num_samples), "dev:3", "dev:3"},
        {offsetof(alm_eval_options, timestamp), "now", "now"},
        {offsetof(alm_eval_options, shard), "2/2", "2/2"},
        {offsetof(alm_eval_options, formats), "pdf", "pdf"},
        {offsetof(alm_eval_options, checkpoint), "x/", "x/"},
        {offsetof(alm_eval_options, data), "/nowhere", "/nowhere"},
        {offsetof(alm_eval_options, predictions), "/nowhere", "/nowhere"},
        {offsetof(alm_eval_options, config), "/nowhere", "/nowhere"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        alm_eval_options options = eval_golden_options(eval_folder());
        memcpy((char *)&options + bad[i].at, &bad[i].value, sizeof bad[i].value);
        ALM_CHECK_STATUS(alm_eval(NULL, &options), ALM_STATUS_USAGE);
        ALM_CHECK_TEXT(alm_error_message(), bad[i].text);
    }
}

/* ---- Disturbed runs ---- */

/* The first `bytes` bytes of a's journal as b's, with plan and all. */
static void copy_run(const char *a, const char *b, size_t bytes, int flip)
{
    static const char *const names[] = {"plan.json", "samples.jsonl", "config.yaml",
                                        "journal-0-of-1.jsonl"};
    char path[1024];
    for (int i = 0; i < 4; i++) {
        size_t n;
        snprintf(path, sizeof path, "assemlm.run/%s", names[i]);
        char *data = alm_test_read(eval_run_path(a, path), &n);
        if (data && i == 3) {
            n = bytes < n ? bytes : n;
            if (flip >= 0 && (size_t)flip < n) {
                data[flip] ^= 1;
            }
        }
        if (data) {
            alm_test_write(eval_run_path(b, path), data, n);
        }
        free(data);
    }
}

static void make_run_folder(const char *out)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/stub.pt", out);
    mkdir(path, 0777);
    mkdir(eval_run_path(out, NULL), 0777);
    mkdir(eval_run_path(out, "assemlm.run"), 0777);
}

static alm_eval_options small_options(const char *out)
{
    alm_eval_options options = eval_golden_options(out);
    options.seeds = "0,1";
    options.num_samples = "3";
    options.formats = "none"; /* test_eval.sh has reports */
    return options;
}

ALM_TEST(eval_run, goes_on_where_the_journal_ends)
{
    const char *whole = eval_folder();
    alm_eval_options options = small_options(whole);
    ALM_REQUIRE_OK(alm_eval(NULL, &options));
    size_t bytes;
    free(alm_test_read(eval_run_path(whole, "assemlm.run/journal-0-of-1.jsonl"), &bytes));
    for (size_t at = 0; at < bytes + 401; at += 401) { /* not a multiple of a line */
        const char *out = eval_folder();
        make_run_folder(out);
        copy_run(whole, out, at, at % 2 ? (int)(at * 2 / 3) : -1);
        options = small_options(out);
        options.resume = true;
        ALM_REQUIRE_OK(alm_eval(NULL, &options));
        ALM_CHECK(eval_same_files(eval_run_path(whole, NULL), eval_run_path(out, NULL), true) > 12);
    }
}

ALM_TEST(eval_run, does_not_mix_runs)
{
    const char *out = eval_folder();
    alm_eval_options options = small_options(out);
    ALM_REQUIRE_OK(alm_eval(NULL, &options));
    ALM_CHECK_STATUS(alm_eval(NULL, &options), ALM_STATUS_OUTPUT);
    ALM_CHECK_TEXT(alm_error_message(), "exists");
    options.resume = true;
    options.seeds = "0,42";
    ALM_CHECK_STATUS(alm_eval(NULL, &options), ALM_STATUS_USAGE);
    ALM_CHECK_TEXT(alm_error_message(), "a seed is 1 and 42");
    options = small_options(out);
    options.resume = true;
    options.predictions = alm_test_golden("assembench/runs/plain/predictions.jsonl");
    ALM_CHECK_STATUS(alm_eval(NULL, &options), ALM_STATUS_USAGE);
    ALM_CHECK_TEXT(alm_error_message(), "the model is");
    options = small_options(out);
    options.resume = true;
    options.timestamp = NULL; /* the newest */
    ALM_REQUIRE_OK(alm_eval(NULL, &options));
    options.out = eval_folder();
    ALM_CHECK_STATUS(alm_eval(NULL, &options), ALM_STATUS_USAGE);
    ALM_CHECK_TEXT(alm_error_message(), "no run");
}

ALM_TEST(eval_run, does_not_depend_on_batches_and_threads)
{
    const char *a = eval_folder(), *b = eval_folder();
    alm_eval_options options = small_options(a);
    ALM_REQUIRE_OK(alm_eval(NULL, &options));
    options.out = b;
    options.batch = 1;
    options.threads = 1;
    ALM_REQUIRE_OK(alm_eval(NULL, &options));
    eval_same_files(eval_run_path(a, NULL), eval_run_path(b, NULL), true);
}

/* ---- Shards ---- */

static void run_shards(const char *out, int count, int left_out)
{
    for (int i = 0; i < count; i++) {
        char shard[16];
        snprintf(shard, sizeof shard, "%d/%d", i, count);
        alm_eval_options options = small_options(out);
        options.shard = shard;
        if (i != left_out) {
            ALM_REQUIRE_OK(alm_eval(NULL, &options));
        }
    }
}

ALM_TEST(eval_merge, joins_shards)
{
    const char *whole = eval_folder(), *out = eval_folder();
    alm_eval_options options = small_options(whole);
    options.formats = "none";
    ALM_REQUIRE_OK(alm_eval(NULL, &options));
    run_shards(out, 3, -1);
    const char *run = eval_run_path(out, NULL);
    const alm_merge_options merge = {
        .runs = &run, .count = 1, .expect = "1,0", .strict = true, .formats = "none"};
    ALM_REQUIRE_OK(alm_merge(&merge));
    eval_same_files(eval_run_path(whole, NULL), run, true);
}

ALM_TEST(eval_merge, names_what_is_missing)
{
    const char *out = eval_folder();
    run_shards(out, 3, 1);
    const char *run = eval_run_path(out, NULL);
    alm_merge_options merge = {
        .runs = &run, .count = 1, .strict = true, .formats = "none", .note = count_note};
    struct stat info;
    notes = 0;
    ALM_CHECK_STATUS(alm_merge(&merge), ALM_STATUS_CHECK);
    ALM_CHECK_TEXT(alm_error_message(), "samples are missing");
    ALM_CHECK(notes > 5);
    ALM_CHECK(stat(eval_run_path(out, "seed_0"), &info) != 0);
    merge.strict = false;
    ALM_CHECK_STATUS(alm_merge(&merge), ALM_STATUS_PARTIAL);
    json_t *root = json_load_file(results_path(run, "twobytwo", "0", "test"), 0, NULL);
    const json_t *summary = json_object_get(root, "summary");
    ALM_CHECK_INT(json_integer_value(json_object_get(summary, "Selected Samples")), 3);
    ALM_CHECK_INT(json_integer_value(json_object_get(summary, "Dropped Samples")) +
                      json_integer_value(json_object_get(summary, "Evaluated Samples")),
                  3);
    json_decref(root);
}

ALM_TEST(eval_merge, refuses_mixtures)
{
    const char *a = eval_folder(), *b = eval_folder(), *c = eval_folder();
    run_shards(a, 2, 1);
    alm_eval_options options = small_options(b);
    options.seeds = "0,42";
    options.shard = "1/2";
    ALM_REQUIRE_OK(alm_eval(NULL, &options));
    const char *runs[2] = {eval_run_path(a, NULL), eval_run_path(b, NULL)};
    alm_merge_options merge = {.runs = runs, .count = 2, .strict = true, .formats = "none"};
    ALM_CHECK_STATUS(alm_merge(&merge), ALM_STATUS_CHECK);
    ALM_CHECK_TEXT(alm_error_message(), "a seed is 1 and 42");
    merge.strict = false;
    ALM_CHECK_STATUS(alm_merge(&merge), ALM_STATUS_USAGE);
    merge.expect = "0-9";
    merge.count = 1;
    ALM_CHECK_STATUS(alm_merge(&merge), ALM_STATUS_USAGE);
    ALM_CHECK_TEXT(alm_error_message(), "10 expected");
    /* The same samples twice: a run as one, and in shards. */
    run_shards(c, 2, 1);
    options = small_options(a);
    options.resume = true;
    ALM_REQUIRE_OK(alm_eval(NULL, &options));
    runs[1] = eval_run_path(c, NULL);
    merge = (alm_merge_options){.runs = runs, .count = 2, .formats = "none"};
    ALM_CHECK_STATUS(alm_merge(&merge), ALM_STATUS_USAGE);
    ALM_CHECK_TEXT(alm_error_message(), "more than once");
}

/* The rows of our run and those of the reference are of the same samples, each with its pose. */
ALM_TEST(eval_merge, compares_with_results_of_others)
{
    const char *out = eval_folder();
    alm_eval_options options = eval_golden_options(out);
    ALM_REQUIRE_OK(alm_eval(NULL, &options));
    const char *run = eval_run_path(out, NULL), *compared = eval_folder();
    const alm_merge_options merge = {
        .runs = &run,
        .count = 1,
        .out = compared,
        .formats = "json",
        .compare = alm_test_golden("assembench/eval_results/stub.pt/20260101_000000")};
    ALM_REQUIRE_OK(alm_merge(&merge));
    json_t *root = json_load_file(alm_test_path(compared, "compare.json"), 0, NULL);
    int64_t pairs = 0, errors = 0;
    const char *split;
    json_t *sums;
    json_object_foreach(json_object_get(root, "overall_by_split"), split, sums)
    {
        pairs += json_integer_value(json_object_get(sums, "pairs"));
        errors += json_integer_value(json_object_get(sums, "left_out_for_an_error"));
    }
    ALM_CHECK_INT(pairs, 117);
    ALM_CHECK_INT(errors, 0);
    json_decref(root);
}

ALM_TEST(eval_merge, aggregates_results_of_others)
{
    const char *run = alm_test_golden("assembench/eval_results/stub.pt/20260101_000000");
    const char *out = eval_folder();
    alm_merge_options merge = {.runs = &run, .count = 1, .out = out};
    ALM_CHECK_STATUS(alm_merge(&merge), ALM_STATUS_USAGE); /* not the seeds 0 to 9 */
    merge.expect = "0,1,42";
    ALM_REQUIRE_OK(alm_merge(&merge));
    json_t *root = json_load_file(alm_test_path(out, "eval_results_mean_variance.json"), 0, NULL);
    ALM_CHECK_INT(json_integer_value(json_object_get(root, "seed_count")), 3);
    json_decref(root);
}
