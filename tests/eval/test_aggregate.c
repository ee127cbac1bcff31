/* The aggregates over data sets and over seeds: the golden files, and what is refused. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/eval/aggregate.h"
#include "tests/eval/results_file.h"
#include "tests/shim/alm_test.h"

#define RUN "eval_results/stub.pt/20260101_000000"
static const char *const dataset[] = {"biasassembly", "ikea", "partnet", "twobytwo"};
static const char *const split[] = {"train", "test"};
static const int64_t seeds[] = {0, 1, 42};

/* The golden files name paths relative to their folder, so the tests work there. */
typedef struct place {
    char before[PATH_MAX], golden[PATH_MAX], out[PATH_MAX];
} place;

static bool enter(place *p)
{
    if (!realpath(alm_test_golden("assembench"), p->golden) ||
        !getcwd(p->before, sizeof p->before)) {
        ALM_FAIL("the golden folder is not there");
        return false;
    }
    const char *folder = alm_test_folder();
    if (!realpath(folder, p->out) || chdir(p->golden) != 0) {
        ALM_FAIL("%s: no such folder", p->golden);
        return false;
    }
    return true;
}

static void leave(const place *p)
{
    ALM_CHECK(chdir(p->before) == 0);
}

/* "<out folder>/<name>" */
static const char *out_path(const place *p, const char *name)
{
    static char path[4][PATH_MAX + 64];
    static int next;
    char *text = path[next = (next + 1) % 4];
    snprintf(text, sizeof path[0], "%s/%s", p->out, name);
    return text;
}

static const alm_aggregate_run golden_run = {
    .run_timestamp = "20260101_000000", .generated_at = "2026-01-01T00:00:00Z", .keep_paths = true};

typedef struct sources {
    char path[8][256];
    alm_aggregate_source source[8];
} sources;

static void name_sources(int64_t seed, sources *s)
{
    for (int i = 0; i < 8; i++) {
        snprintf(s->path[i], sizeof s->path[i],
                 RUN "/%s/seed_%d/%s/20260101_000000/eval_results.json", dataset[i / 2], (int)seed,
                 split[i % 2]);
        s->source[i] = (alm_aggregate_source){
            .dataset = dataset[i / 2], .split = split[i % 2], .path = s->path[i]};
    }
}

ALM_TEST(aggregate, golden_data_sets_byte_for_byte)
{
    place p;
    ALM_REQUIRE(enter(&p));
    for (int i = 0; i < 3; i++) {
        char expected[256];
        sources s;
        name_sources(seeds[i], &s);
        ALM_CHECK_STATUS(
            alm_aggregate_datasets(s.source, 8, seeds[i], &golden_run, out_path(&p, "a.json")),
            ALM_OK);
        snprintf(expected, sizeof expected, RUN "/seed_%d/eval_results.json", (int)seeds[i]);
        ALM_CHECK(results_files_equal(out_path(&p, "a.json"), expected));
    }
    leave(&p);
}

static void name_seeds(char path[3][256], alm_seed_source source[3])
{
    for (int i = 0; i < 3; i++) {
        snprintf(path[i], 256, RUN "/seed_%d/eval_results.json", (int)seeds[i]);
        source[i] = (alm_seed_source){.seed = seeds[i], .path = path[i]};
    }
}

/* Lines that differ may do so in a number's last digits: the reference squares with pow(), whose
 * last bit is its library's, we with a product rounded once. */
static int compare_lines(char *got, char *expected)
{
    int differ = 0, line = 0;
    while (*got && *expected) {
        char *got_end = strchr(got, '\n'), *expected_end = strchr(expected, '\n');
        ALM_CHECK(got_end && expected_end);
        if (!got_end || !expected_end) {
            return -1;
        }
        *got_end = *expected_end = '\0';
        line++;
        if (strcmp(got, expected) != 0) {
            char *got_colon = strstr(got, "\": "), *expected_colon = strstr(expected, "\": ");
            differ++;
            if (!got_colon || !expected_colon || got_colon - got != expected_colon - expected ||
                memcmp(got, expected, (size_t)(got_colon - got)) != 0) {
                ALM_FAIL("line %d: %s, expected %s", line, got, expected);
                return -1;
            }
            const double a = strtod(got_colon + 3, NULL), b = strtod(expected_colon + 3, NULL);
            if (!(fabs(a - b) <= 1e-12 * fabs(b))) {
                ALM_FAIL("line %d: %s, expected %s", line, got, expected);
            }
        }
        got = got_end + 1;
        expected = expected_end + 1;
    }
    ALM_CHECK(*got == *expected);
    return differ;
}

ALM_TEST(aggregate, golden_seeds)
{
    place p;
    char path[3][256];
    alm_seed_source source[3];
    size_t bytes;
    ALM_REQUIRE(enter(&p));
    name_seeds(path, source);
    ALM_CHECK_STATUS(alm_aggregate_seeds(source, 3, seeds, 3, &golden_run, out_path(&p, "v.json")),
                     ALM_OK);
    char *got = alm_test_read(out_path(&p, "v.json"), &bytes);
    char *expected = alm_test_read(RUN "/eval_results_mean_variance.json", &bytes);
    if (got && expected) {
        const int differ = compare_lines(got, expected);
        ALM_CHECK_INT(differ, 12); /* of 10,368 */
    }
    free(got);
    free(expected);
    leave(&p);
}

ALM_TEST(aggregate, order_and_paths)
{
    place p;
    sources s;
    char real[PATH_MAX], line[PATH_MAX + 64];
    size_t bytes;
    ALM_REQUIRE(enter(&p));
    name_sources(0, &s);
    /* A link is resolved, the order of the sources kept, splits sorted. */
    ALM_CHECK(symlink(p.golden, out_path(&p, "link")) == 0);
    char linked[PATH_MAX + 512];
    snprintf(linked, sizeof linked, "%s/link/%s", p.out, s.path[7]);
    const alm_aggregate_source source[] = {{"twobytwo", "test", linked},
                                           {"ikea", "train", s.path[2]},
                                           {"twobytwo", "train", s.path[6]}};
    alm_aggregate_run run = golden_run;
    run.keep_paths = false;
    run.ckpt_path = "checkpoint/stub.pt";
    ALM_CHECK_STATUS(alm_aggregate_datasets(source, 3, 0, &run, out_path(&p, "a.json")), ALM_OK);
    char *text = alm_test_read(out_path(&p, "a.json"), &bytes);
    ALM_REQUIRE(text && realpath(s.path[7], real));
    snprintf(line, sizeof line, "\"result_file\": \"%s\"", real);
    ALM_CHECK_TEXT(text, line);
    snprintf(line, sizeof line, "\"path\": \"%s\"", real);
    ALM_CHECK_TEXT(text, line);
    const char *two = strstr(text, "\"twobytwo\": {\n      \"test\""),
               *overall = strstr(text, "\"overall_by_split\": {\n    \"test\"");
    const char *ikea = strstr(text, "\"ikea\": {\n      \"train\"");
    ALM_CHECK(two && ikea && overall && two < ikea && ikea < overall);
    const char *train = overall ? strstr(overall, "\n    \"train\"") : NULL;
    ALM_CHECK(train != NULL);
    free(text);
    leave(&p);
}

/* Rows of nobody: no means, and a split without rows has no pose loss. */
ALM_TEST(aggregate, without_rows)
{
    place p;
    sources s;
    size_t bytes;
    ALM_REQUIRE(enter(&p));
    name_sources(0, &s);
    ALM_CHECK_STATUS(
        alm_aggregate_datasets(&s.source[2], 1, 0, &golden_run, out_path(&p, "a.json")), ALM_OK);
    char *text = alm_test_read(out_path(&p, "a.json"), &bytes);
    ALM_REQUIRE(text);
    ALM_CHECK_TEXT(text, "      \"micro_average_by_sample\": {\n"
                         "        \"Evaluated Samples\": 0,\n"
                         "        \"Valid Samples\": 0,\n"
                         "        \"Invalid Samples\": 0,\n"
                         "        \"Total Dataset Samples\": 0,\n"
                         "        \"Selected Samples\": 0,\n"
                         "        \"Not Selected Samples\": 0,\n"
                         "        \"Dropped Samples\": 0,\n"
                         "        \"Unevaluated Samples\": 0\n"
                         "      },\n"
                         "      \"macro_average_by_dataset\": {\n"
                         "        \"Avg Pose Loss\": 0.0\n"
                         "      },\n"
                         "      \"per_category\": {}\n");
    free(text);
    leave(&p);
}

/* A golden file with the first `from` replaced, beside the output. */
static const char *changed(const place *p, const char *path, const char *name, const char *from,
                           const char *to)
{
    size_t bytes;
    char *text = alm_test_read(path, &bytes);
    const char *at = text ? strstr(text, from) : NULL;
    const char *out = out_path(p, name);
    if (!at) {
        ALM_FAIL("%s: \"%s\" is not there", path, from);
        free(text);
        return out;
    }
    const size_t more = strlen(to), less = strlen(from), head = (size_t)(at - text);
    char *made = malloc(bytes + more + 1);
    if (made) {
        memcpy(made, text, head);
        memcpy(made + head, to, more);
        memcpy(made + head + more, at + less, bytes - head - less);
        alm_test_write(out, made, bytes + more - less);
    }
    free(made);
    free(text);
    return out;
}

static void refused(const place *p, alm_status status, const char *message)
{
    ALM_CHECK_STATUS(status, ALM_STATUS_USAGE);
    ALM_CHECK_TEXT(alm_error_message(), message);
    ALM_CHECK(!strchr(alm_error_message(), '\n'));
    ALM_CHECK(access(out_path(p, "a.json"), F_OK) != 0);
    ALM_CHECK(access(out_path(p, "a.json.partial"), F_OK) != 0);
}

ALM_TEST(aggregate, data_sets_that_are_refused)
{
    place p;
    sources s;
    ALM_REQUIRE(enter(&p));
    name_sources(0, &s);
    const char *out = p.out;
    char path[PATH_MAX + 8];
    snprintf(path, sizeof path, "%s/a.json", out);
#define TRY(count, seed) alm_aggregate_datasets(s.source, count, seed, &golden_run, path)
    refused(&p, TRY(0, 0), "there are no results");
    refused(&p, TRY(8, 1), "seed is 0, expected 1");
    s.source[7].dataset = "ikea";
    refused(&p, TRY(8, 0), "ikea test is given twice");
    s.source[7].dataset = "other";
    refused(&p, TRY(8, 0), "dataset_name is twobytwo, expected other");
    name_sources(0, &s);
    s.source[1].split = "val";
    refused(&p, TRY(8, 0), "split is test, expected val");
    name_sources(0, &s);
    s.source[3].path = changed(&p, s.path[3], "x.json", "checkpoint/stub.pt", "checkpoint/b.pt");
    refused(&p, TRY(8, 0), "ckpt_path is checkpoint/b.pt, expected checkpoint/stub.pt");
    s.source[3].path = changed(&p, s.path[3], "x.json", "\"checkpoint/stub.pt\"", "null");
    refused(&p, TRY(8, 0), "ckpt_path is null, expected checkpoint/stub.pt");
    s.source[3].path = changed(&p, s.path[3], "x.json", "\"seed\": 0", "\"seed\": 1");
    refused(&p, TRY(8, 0), "seed is 1, expected 0");
    s.source[3].path = changed(&p, s.path[3], "x.json", "\"CD\": 0.0,", "\"CD\": NaN,");
    refused(&p, TRY(8, 0), "is NaN, expected a finite number");
    s.source[3].path = changed(&p, s.path[3], "x.json", "\"valid\": true", "\"valid\": 1");
    refused(&p, TRY(8, 0), "expected true or false");
    s.source[3].path =
        changed(&p, s.path[3], "x.json", "\"Evaluated Samples\": 10", "\"Evaluated Samples\": 9");
    refused(&p, TRY(8, 0), "summary.Evaluated Samples is 9, expected 10");
    s.source[3].path =
        changed(&p, s.path[3], "x.json", "\"Dropped Samples\": 0", "\"Dropped Samples\": 0.5");
    refused(&p, TRY(8, 0), "Dropped Samples is 0.5, expected a whole number");
    s.source[3].path = "none.json";
    refused(&p, TRY(8, 0), "none.json: No such file");
    name_sources(0, &s);
    alm_aggregate_run run = golden_run;
    run.ckpt_path = "other.pt";
    refused(&p, alm_aggregate_datasets(s.source, 8, 0, &run, path), "expected other.pt");
    /* Sums that no double holds: within a split, and of the means. */
    s.source[3].path =
        changed(&p, s.path[3], "x.json", "\"Avg GD\": ", "\"Avg GD\": 1.7e308, \"x\": ");
    s.source[1].path =
        changed(&p, s.path[1], "y.json", "\"Avg GD\": ", "\"Avg GD\": 1.7e308, \"x\": ");
    refused(&p, TRY(8, 0), "the sum of Avg GD over the data sets overflows");
    s.source[3].path =
        changed(&p, s.path[3], "x.json", "      \"GD\": ", "\"GD\": 1.7e308, \"x\": ");
    s.source[1].path =
        changed(&p, s.path[1], "y.json", "      \"GD\": ", "\"GD\": 1.7e308, \"x\": ");
    refused(&p, TRY(8, 0), "a sum over the rows of test overflows");
#undef TRY
    /* A null name passes; so does what is unusual but right. */
    name_sources(0, &s);
    s.source[3].path =
        changed(&p, s.path[3], "x.json", "\"dataset_name\": \"ikea\"", "\"dataset_name\": null");
    ALM_CHECK_STATUS(alm_aggregate_datasets(s.source, 8, 0, &golden_run, path), ALM_OK);
    leave(&p);
}

ALM_TEST(aggregate, seeds_that_are_refused)
{
    place p;
    char file[3][256], path[PATH_MAX + 8];
    alm_seed_source source[3];
    ALM_REQUIRE(enter(&p));
    snprintf(path, sizeof path, "%s/a.json", p.out);
    name_seeds(file, source);
#define TRY() alm_aggregate_seeds(source, 3, seeds, 3, &golden_run, path)
    refused(&p, alm_aggregate_seeds(source, 0, seeds, 3, &golden_run, path), "there are no seeds");
    refused(&p, alm_aggregate_seeds(source, 3, NULL, 0, &golden_run, path),
            "seed is 42, expected one of the 10 seeds from 0 to 9");
    refused(&p, alm_aggregate_seeds(source, 2, NULL, 0, &golden_run, path),
            "2 is missing, expected 10 seeds");
    refused(&p, alm_aggregate_seeds(source, 2, seeds, 3, &golden_run, path), "42 is missing");
    source[2] = source[1];
    refused(&p, TRY(), "seed 1 is given twice");
    source[2].seed = 42;
    refused(&p, TRY(), "seed is 1, expected 42");
    name_seeds(file, source);
#define CHANGE(from, to) source[2].path = changed(&p, file[2], "x.json", from, to)
    CHANGE("checkpoint/stub.pt", "b.pt");
    refused(&p, TRY(), "ckpt_path is b.pt, expected checkpoint/stub.pt");
    CHANGE("\"format_version\": 1", "\"format_version\": 2");
    refused(&p, TRY(), "format_version is 2");
    CHANGE("\"seed\": 42", "\"seed\": \"42\"");
    refused(&p, TRY(), "seed is no number");
    CHANGE("\"Avg GD\": ", "\"Avg GD\": NaN, \"x\": ");
    refused(&p, TRY(), "datasets.biasassembly.train.summary.Avg GD is NaN, expected a finite");
    CHANGE("\"Avg GD\": ", "\"Avg GD\": -1e999, \"x\": ");
    refused(&p, TRY(), "is -1e999, expected a finite number");
    CHANGE("\"Avg GD\": ", "\"list\": [[Infinity]], \"Avg GD\": ");
    refused(&p, TRY(), "summary.list is Infinity, expected a finite number");
    CHANGE("\"Avg GD\": ", "\"Avg GD\": 1, \"Avg GD\": ");
    refused(&p, TRY(), "datasets.biasassembly.train.summary.Avg GD is there twice");
    CHANGE("\"Avg GD\": ", "\"Avg GD\": {\"a\": 1}, \"x\": ");
    refused(&p, TRY(),
            "datasets.biasassembly.train.summary.Avg GD is an object, expected a number");
    CHANGE("\"biasassembly\": {\n      \"train\"", "\"biasassembly\": {\n      \"val\"");
    refused(&p, TRY(), "datasets.biasassembly.train is missing");
    CHANGE("\n    \"ikea\": {\n      \"train\"", "\n    \"IKEA\": {\n      \"train\"");
    refused(&p, TRY(), "datasets.IKEA is missing, expected it as in");
    CHANGE("\"overall_by_split\": {\n    \"test\"", "\"overall_by_split\": {\n    \"val\"");
    refused(&p, TRY(), "overall_by_split.test is missing");
    CHANGE("\"overall_by_split\": {", "\"overall_by_split\": {\n    \"test\": 5,");
    refused(&p, TRY(), "overall_by_split.test is no object");
    CHANGE("\"datasets\": {", "\"datasets\": {}, \"x\": {");
    refused(&p, TRY(), "is missing, expected it as in");
    CHANGE("\"overall_by_split\"", "\"overall\"");
    refused(&p, TRY(), "overall_by_split is missing");
    CHANGE("\"Avg GD\": ", "\"Avg GD\": 1.7e308, \"x\": ");
    refused(&p, TRY(), "the values of datasets.biasassembly.train.summary.Avg GD are so large");
#undef CHANGE
    source[2].path = changed(&p, file[2], "x.json", "{", "[");
    refused(&p, TRY(), "holds no JSON object");
    source[2].path = "none.json";
    refused(&p, TRY(), "No such file");
    name_seeds(file, source);
    alm_aggregate_run run = golden_run;
    run.ckpt_path = "other.pt";
    refused(&p, alm_aggregate_seeds(source, 3, seeds, 3, &run, path), "expected other.pt");
#undef TRY
    leave(&p);
}

/* Strings, booleans, lists and nulls are no leaves; an object without leaves is left out; the order
 * of the seeds is the caller's. */
ALM_TEST(aggregate, leaves_of_small_files)
{
    static const char first[] =
        "{\"format_version\": 1, \"run_timestamp\": \"t7\", \"seed\": 7, \"ckpt_path\": null,"
        " \"datasets\": {\"b\": {\"s\": {\"x\": 1, \"text\": \"1\", \"yes\": true, \"none\": null,"
        " \"list\": [1], \"empty\": {\"deep\": {}}}}, \"a\": {\"s\": {}}},"
        " \"overall_by_split\": {\"s\": {\"m\": {\"CD(R)\": 1, \"CD\": 2, \"\xc3\x89\": 3}}}}";
    static const char second[] =
        "{\"format_version\": 1, \"run_timestamp\": \"t3\", \"seed\": 3, \"ckpt_path\": null,"
        " \"datasets\": {\"a\": {\"s\": {}}, \"b\": {\"s\": {\"x\": 2}}},"
        " \"overall_by_split\": {\"s\": {\"m\": {\"CD\": 2}}}}";
    const char *folder = alm_test_folder(), *out = alm_test_path(folder, "v.json");
    const alm_seed_source source[] = {{7, alm_test_path(folder, "7.json")},
                                      {3, alm_test_path(folder, "3.json")}};
    const int64_t expected[] = {3, 7};
    size_t bytes;
    alm_test_write(source[0].path, first, sizeof first - 1);
    alm_test_write(source[1].path, second, sizeof second - 1);
    ALM_REQUIRE_OK(alm_aggregate_seeds(source, 2, expected, 2, &golden_run, out));
    json_t *root = json_load_file(out, 0, NULL);
    ALM_REQUIRE(root);
    char *got = json_dumps(json_object_get(root, "statistics"), JSON_REAL_PRECISION(17));
    ALM_REQUIRE(got);
#define STATISTIC(n, missing, values, mean, variance, sample, std, std_sample)                     \
    "{\"num_seeds\": " n ", \"missing_seeds\": [" missing "], \"values_by_seed\": {" values        \
    "}, \"mean\": " mean ", \"variance_population\": " variance ", \"variance_sample\": " sample   \
    ", \"std_population\": " std ", \"std_sample\": " std_sample "}"
    const char *want = "{\"datasets\": {\"b\": {\"s\": {\"x\": " STATISTIC(
        "2", "", "\"7\": 1.0, \"3\": 2.0", "1.5", "0.25", "0.5", "0.5",
        "0.70710678118654757") "}}}, "
                               "\"overall_by_split\": {\"s\": {\"m\": {\"CD\": " STATISTIC(
                                   "2", "", "\"7\": 2.0, \"3\": 2.0", "2.0", "0.0", "0.0", "0.0",
                                   "0.0") ", \"CD(R)\": " STATISTIC("1", "3", "\"7\": 1.0", "1.0",
                                                                    "0.0", "null", "0.0",
                                                                    "null") ", "
                                                                            "\"\xc3\x89\":"
                                                                            " " STATISTIC(
                                                                                "1", "3",
                                                                                "\"7\": "
                                                                                "3.0",
                                                                                "3.0", "0.0",
                                                                                "null", "0.0",
                                                                                "null") "}}}}";
    if (strcmp(got, want) != 0) {
        ALM_FAIL("statistics are %s, expected %s", got, want);
    }
    free(got);
    got = json_dumps(json_object_get(root, "seeds"), 0);
    ALM_CHECK(got && strcmp(got, "[7, 3]") == 0);
    free(got);
    got = json_dumps(json_object_get(root, "datasets"), 0);
    ALM_CHECK(got && strcmp(got, "[\"a\", \"b\"]") == 0);
    free(got);
    json_decref(root);
    /* Every cut of it is refused. */
    for (size_t cut = 0; cut < sizeof first - 1; cut++) {
        alm_test_write(source[0].path, first, cut);
        ALM_CHECK_STATUS(alm_aggregate_seeds(source, 2, expected, 2, &golden_run, out),
                         ALM_STATUS_USAGE);
    }
    free(alm_test_read(out, &bytes)); /* the one that was there stays */
    ALM_CHECK(bytes > 0);
}
