/* The comparison of two runs, on pairs that are counted by hand. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/eval/report.h"
#include "tests/eval/report_support.h"
#include "tests/shim/alm_test.h"

static json_t *compare(alm_test_run *a, alm_test_run *b, const char *folder)
{
    const alm_report_options options = {.folder = folder, .resamples = 500, .threads = 2};
    const alm_status status =
        alm_compare_write(a->set, a->count, "old <b>", b->set, b->count, "new", &options);
    if (status != ALM_OK) {
        ALM_FAIL("comparison: %s", alm_error_message());
        return NULL;
    }
    json_error_t error;
    json_t *root = json_load_file(alm_test_path(folder, "compare.json"), 0, &error);
    if (!root) {
        ALM_FAIL("compare.json: line %d: %s", error.line, error.text);
    }
    return root;
}

static json_t *at(json_t *value, const char *path)
{
    char key[64];
    while (value && *path) {
        const size_t bytes = strcspn(path, "/");
        snprintf(key, sizeof key, "%.*s", (int)bytes, path);
        value = json_is_array(value) ? json_array_get(value, (size_t)atoi(key))
                                     : json_object_get(value, key);
        path += bytes + (path[bytes] == '/');
    }
    return value;
}

static double number(json_t *root, const char *path)
{
    json_t *value = at(root, path);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* Four samples under one seed: B is better in 0 and 1, worse in 2, the same in 3. 4: only A has a
 * pose; 5: only B; 6: B could not read it; 7: only in A; 8: only in B; 9: another asset. */
static void make_runs(alm_test_run *a, alm_test_run *b)
{
    const int x = alm_test_run_set(a, "d", "test", 3), y = alm_test_run_set(b, "d", "test", 3);
    static const float gd[4][2] = {{30, 10}, {20, 18}, {5, 6}, {7, 7}};
    static const float cd[4][2] = {{0.02f, 0.001f}, {0.03f, 0.009f}, {0.004f, 0.006f}, {0, 0}};
    static const char *const asset[4] = {"a0", "a1", "a2", "a3"};
    for (int i = 0; i < 4; i++) {
        alm_test_run_row(a, x, i, asset[i], "c", gd[i][0], 0.5f, cd[i][0]);
        alm_test_run_row(b, y, i, asset[i], "c", gd[i][1], 0.25f, cd[i][1]);
    }
    alm_test_run_row(a, x, 4, "a4", "c", 1, 1, 0);
    alm_test_row_invalid(alm_test_run_row(b, y, 4, "a4", "c", 0, 0, 0), "none", true);
    alm_test_row_invalid(alm_test_run_row(a, x, 5, "a5", "c", 0, 0, 0), "none", true);
    alm_test_run_row(b, y, 5, "a5", "c", 1, 1, 0);
    alm_test_run_row(a, x, 6, "a6", "c", 1, 1, 0);
    alm_test_row_invalid(alm_test_run_row(b, y, 6, "a6", "c", 0, 0, 0), "unreadable", false);
    alm_test_run_row(a, x, 7, "a7", "c", 1, 1, 0);
    alm_test_run_row(b, y, 8, "a8", "c", 1, 1, 0);
    alm_test_run_row(a, x, 9, "a9", "c", 1, 1, 0);
    alm_test_run_row(b, y, 9, "other", "c", 1, 1, 0);
}

ALM_TEST(compare, counts_are_those_of_the_pairs)
{
    alm_test_run a = {0}, b = {0};
    make_runs(&a, &b);
    json_t *root = compare(&a, &b, alm_test_folder()), *g = at(root, "groups/0");
    static const struct {
        const char *path;
        double value;
    } expected[] = {
        {"pairs", 6},
        {"both_valid", 4},
        {"only_a_valid", 1},
        {"only_b_valid", 1},
        {"neither_valid", 0},
        {"left_out_for_an_error", 1},
        {"unpaired_rows_of_a", 2},
        {"unpaired_rows_of_b", 2},
        {"rows_with_another_asset", 1},
        {"measures/GD/pairs", 4},
        {"measures/GD/mean_a", 15.5},
        {"measures/GD/mean_b", 10.25},
        {"measures/GD/difference/mean", -5.25},
        {"measures/GD/b_better", 2},
        {"measures/GD/b_worse", 1},
        {"measures/GD/equal", 1},
        /* differences -20, -2, 1: |T*| >= 21 for {-20,-2,1} and {-20,-2,-1} and their negatives */
        {"measures/GD/p", 0.5},
        {"measures/RMSE(T)/p", 0.125}, /* four equal ones: 2/16 */
        {"measures/PA(0.01)/b_better", 2},
        {"measures/PA(0.01)/difference/mean", 0.5},
        {"measures/PA(0.005)/b_worse", 1},
        {"measures/PA(0.01) of all rows/pairs", 6},
        {"measures/PA(0.01) of all rows/mean_a", 0.5},
        {"measures/PA(0.01) of all rows/mean_b", 5.0 / 6},
        {"measures/share of valid poses/difference/mean", 0},
        {"assembled/PA(0.01)/both", 2},
        {"assembled/PA(0.01)/only_a", 1},
        {"assembled/PA(0.01)/only_b", 3},
        {"assembled/PA(0.01)/neither", 0},
        {"assembled/PA(0.01)/mcnemar_p", 10.0 / 16},
        {"first_unpaired_of_a/0/idx", 7},
        {"first_unpaired_of_a/1/idx", 9},
        {"first_unpaired_of_b/0/idx", 8},
    };
    for (size_t k = 0; k < sizeof expected / sizeof expected[0]; k++) {
        const double got = number(g, expected[k].path);
        if (!(fabs(got - expected[k].value) <= 1e-12)) {
            ALM_FAIL("%s is %.17g, expected %.17g", expected[k].path, got, expected[k].value);
        }
    }
    const char *named = json_string_value(at(g, "first_unpaired_of_b/1/asset"));
    ALM_CHECK_TEXT(named ? named : "", "other");
    ALM_CHECK(number(g, "measures/GD/difference/low") >= -20 &&
              number(g, "measures/GD/difference/high") <= 1);
    json_decref(root);
    alm_test_run_free(&a);
    alm_test_run_free(&b);
}

/* B against A is A against B with the sign changed. */
ALM_TEST(compare, the_other_way_round_is_the_mirror)
{
    alm_test_run a = {0}, b = {0};
    make_runs(&a, &b);
    json_t *one = compare(&a, &b, alm_test_folder()), *two = compare(&b, &a, alm_test_folder());
    ALM_CHECK_NEAR(number(one, "groups/0/measures/CD/difference/mean"),
                   -number(two, "groups/0/measures/CD/difference/mean"), 0);
    ALM_CHECK_NEAR(number(one, "groups/0/measures/CD/p"), number(two, "groups/0/measures/CD/p"), 0);
    ALM_CHECK(number(one, "groups/0/measures/CD/b_better") ==
              number(two, "groups/0/measures/CD/b_worse"));
    json_decref(one);
    json_decref(two);
    alm_test_run_free(&a);
    alm_test_run_free(&b);
}

/* Two datasets and two seeds; a dataset that only one run has is named, and B has no test of it. */
ALM_TEST(compare, splits_are_pooled)
{
    alm_test_run a = {0}, b = {0};
    for (int seed = 0; seed < 2; seed++) {
        for (int d = 0; d < 2; d++) {
            const char *dataset = d ? "two" : "one";
            const int x = alm_test_run_set(&a, dataset, "test", seed);
            const int y = alm_test_run_set(&b, dataset, "test", 1 - seed);
            for (int i = 0; i < (d ? 1 : 3); i++) {
                alm_test_run_row(&a, x, i, "n", "c", 10, 1, 1);
                alm_test_run_row(&b, y, i, "n", "c", d ? 30 : 14, 1, 1);
            }
        }
    }
    alm_test_run_row(&a, alm_test_run_set(&a, "three", "test", 0), 0, "n", "c", 1, 1, 1);
    json_t *root = compare(&a, &b, alm_test_folder()), *test = at(root, "overall_by_split/test");
    ALM_CHECK_NEAR(number(test, "pairs"), 8, 0);
    ALM_CHECK_NEAR(number(test, "micro_average_by_sample/GD/difference/mean"), 8, 0);
    ALM_CHECK_NEAR(number(test, "macro_average_by_dataset/GD/difference/mean"), 12, 0);
    ALM_CHECK_NEAR(number(test, "macro_average_by_dataset/GD/mean_b"), 22, 0);
    ALM_CHECK_NEAR(number(test, "micro_average_by_sample/GD/p"), 2.0 / 16, 0);
    ALM_CHECK_NEAR(number(test, "unpaired_rows_of_a"), 1, 0);
    ALM_CHECK_NEAR(number(root, "groups/0/measures/GD/over_seeds/seeds"), 2, 0);
    ALM_CHECK_NEAR(number(root, "groups/0/measures/GD/over_seeds/mean"), 4, 0);
    ALM_CHECK_NEAR(number(root, "groups/1/pairs"), 0, 0); /* "three" */
    ALM_CHECK_NEAR(number(root, "groups/1/unpaired_rows_of_a"), 1, 0);
    json_decref(root);
    alm_test_run_free(&a);
    alm_test_run_free(&b);
}

/* A run against itself: no difference, p = 1; the documents name both and escape what they are
 * called. */
ALM_TEST(compare, a_run_is_equal_to_itself)
{
    alm_test_run a = {0};
    ALM_REQUIRE(alm_test_run_golden(&a));
    const char *folder = alm_test_folder();
    json_t *root = compare(&a, &a, folder), *test = at(root, "overall_by_split/test");
    static const char *const measure[3] = {"GD", "CD", "PA(0.01) of all rows"};
    for (int k = 0; k < 3; k++) {
        char path[100];
        snprintf(path, sizeof path, "micro_average_by_sample/%s/p", measure[k]);
        ALM_CHECK_NEAR(number(test, path), 1, 0);
        snprintf(path, sizeof path, "micro_average_by_sample/%s/difference/mean", measure[k]);
        ALM_CHECK_NEAR(number(test, path), 0, 0);
        snprintf(path, sizeof path, "micro_average_by_sample/%s/b_better", measure[k]);
        ALM_CHECK_NEAR(number(test, path), 0, 0);
    }
    ALM_CHECK_NEAR(number(test, "unpaired_rows_of_a"), 0, 0);
    char *html = alm_test_text(folder, "compare.html");
    char *markdown = alm_test_text(folder, "compare.md");
    ALM_CHECK(strstr(html, "old &lt;b&gt;") && !strstr(html, "old <b>"));
    ALM_CHECK(strstr(markdown, "old &lt;b\\>") && !strstr(markdown, "old <b>"));
    free(html);
    free(markdown);
    json_decref(root);
    alm_test_run_free(&a);
}
