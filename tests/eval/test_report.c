/* Reports: their numbers against the golden files of the reference, the same bytes whatever the
 * order of sets and the number of threads, names of strangers, pictures, failures. */
#include <dirent.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/eval/report.h"
#include "runtime/input/image.h"
#include "tests/eval/report_support.h"
#include "tests/shim/alm_test.h"

static const char *const files[6] = {"report.json", "report.html", "report.md",
                                     "report.tex",  "samples.csv", "summary.csv"};

static alm_status write(alm_test_run *run, const char *folder, alm_report_scene_fn *scene)
{
    const alm_report_options options = {.folder = folder,
                                        .model = "model & <co>",
                                        .resamples = 200,
                                        .threads = 1,
                                        .worst = 3,
                                        .scene = scene};
    return alm_report_write(run->set, run->count, &options);
}

static json_t *load(const char *path)
{
    json_error_t error;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!root) {
        ALM_FAIL("%s: line %d: %s", path, error.line, error.text);
    }
    return root;
}

static json_t *group_of(json_t *report, const char *dataset, const char *split)
{
    json_t *group = NULL;
    size_t i = 0;
    json_array_foreach(json_object_get(report, "groups"), i, group)
    {
        const char *d = json_string_value(json_object_get(group, "dataset"));
        const char *s = json_string_value(json_object_get(group, "split"));
        if (d && s && strcmp(d, dataset) == 0 && strcmp(s, split) == 0) {
            return group;
        }
    }
    ALM_FAIL("no group %s, %s", dataset, split);
    return NULL;
}

static double number(json_t *object, const char *a, const char *b, const char *c)
{
    json_t *value = object;
    const char *const key[3] = {a, b, c};
    for (int k = 0; k < 3 && key[k]; k++) {
        value = json_object_get(value, key[k]);
    }
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* ---- Golden numbers */

/* Mean and sample standard deviation over seeds, against eval_results_mean_variance.json: relative
 * 1e-12, as the README of the golden data says of means. */
static void check_seeds(json_t *group, json_t *golden)
{
    static const char *const name[ALM_METRICS][2] = {
        {"GD", "Avg GD"},           {"RMSE(T)", "RMSE(T)"},   {"CD", "CD"},
        {"CD(R)", "CD(R)"},         {"PA(0.01)", "PA(0.01)"}, {"PA(0.008)", "PA(0.008)"},
        {"PA(0.005)", "PA(0.005)"},
    };
    json_t *seeds = json_object_get(group, "over_seeds");
    json_t *summary = json_object_get(golden, "summary");
    for (int k = 0; k < ALM_METRICS; k++) {
        const double mean = number(summary, name[k][1], "mean", NULL);
        const double deviation = number(summary, name[k][1], "std_sample", NULL);
        ALM_CHECK_NEAR(number(seeds, name[k][0], "mean", NULL), mean, 1e-12 * fabs(mean));
        /* Its error is that of the squared differences: relative to mean²/deviation. */
        ALM_CHECK_NEAR(number(seeds, name[k][0], "std_sample", NULL), deviation,
                       1e-12 * (fabs(deviation) + fabs(mean)));
    }
}

ALM_TEST(report, numbers_are_those_of_the_reference)
{
    alm_test_run run = {0};
    ALM_REQUIRE(alm_test_run_golden(&run));
    const char *folder = alm_test_folder();
    ALM_REQUIRE_OK(write(&run, folder, NULL));
    json_t *report = load(alm_test_path(folder, "report.json"));
    json_t *golden = load(alm_test_golden(
        "assembench/eval_results/stub.pt/20260101_000000/eval_results_mean_variance.json"));
    json_t *datasets = json_object_get(json_object_get(golden, "statistics"), "datasets");
    static const char *const dataset[4] = {"biasassembly", "ikea", "partnet", "twobytwo"};
    for (int d = 0; d < 4; d++) {
        for (int train = 0; train < 2; train++) {
            const char *split = train ? "train" : "test";
            json_t *group = group_of(report, dataset[d], split);
            json_t *expected = json_object_get(json_object_get(datasets, dataset[d]), split);
            ALM_CHECK(expected != NULL);
            if (!(train && d == 1)) { /* ikea has no train samples */
                check_seeds(group, expected);
            } else {
                ALM_CHECK_NEAR(number(group, "rows", NULL, NULL), 0, 0);
                ALM_CHECK(json_is_null(json_object_get(
                    json_object_get(json_object_get(group, "measures"), "GD"), "mean")));
            }
        }
    }
    json_decref(golden);
    json_decref(report);
    alm_test_run_free(&run);
}

/* The overall averages of one seed are those of the reference's aggregate over datasets. */
ALM_TEST(report, averages_over_datasets_are_those_of_the_reference)
{
    alm_test_run all = {0}, one = {0};
    ALM_REQUIRE(alm_test_run_golden(&all));
    for (int i = 0; i < all.count; i++) {
        if (all.set[i].seed == 42) {
            one.set[one.count++] = all.set[i];
        }
    }
    const char *folder = alm_test_folder();
    ALM_REQUIRE_OK(write(&one, folder, NULL));
    json_t *report = load(alm_test_path(folder, "report.json"));
    json_t *golden = load(alm_test_golden(
        "assembench/eval_results/stub.pt/20260101_000000/seed_42/eval_results.json"));
    static const char *const key[2] = {"micro_average_by_sample", "macro_average_by_dataset"};
    for (int k = 0; k < 4; k++) {
        const char *split = k % 2 ? "train" : "test";
        json_t *expected = json_object_get(
            json_object_get(json_object_get(golden, "overall_by_split"), split), key[k / 2]);
        json_t *got = json_object_get(
            json_object_get(json_object_get(report, "overall_by_split"), split), key[k / 2]);
        for (int m = 0; m < ALM_METRICS; m++) {
            const double value =
                number(expected, m == 0 ? "Avg GD" : alm_metric_names[m], NULL, NULL);
            ALM_CHECK_NEAR(number(got, alm_metric_names[m], "mean", NULL), value,
                           1e-12 * fabs(value));
        }
    }
    json_decref(golden);
    json_decref(report);
    alm_test_run_free(&all);
}

/* ---- Rows without a pose, symmetry */

ALM_TEST(report, rows_without_a_pose_are_counted_and_left_out)
{
    alm_test_run run = {0};
    const int a = alm_test_run_set(&run, "d", "test", 0),
              b = alm_test_run_set(&run, "d", "test", 1);
    for (int seed = 0; seed < 2; seed++) {
        const int set = seed ? b : a;
        alm_test_run_row(&run, set, 0, "a", "x", 10, 1, 0.001f);
        alm_eval_row *turned = alm_test_run_row(&run, set, 1, "b", "x", 170, 1, 0.001f);
        turned->symmetric_gd = 4;
        turned->symmetries = seed ? 0 : 4;
        alm_test_row_invalid(alm_test_run_row(&run, set, 2, "c", "y", 0, 0, 0), "no pose", true);
        alm_test_row_invalid(alm_test_run_row(&run, set, 3, "d", "y", 0, 0, 0), "gone", false);
    }
    /* A pose so far away that its CD is infinite has no metrics either. */
    alm_test_run_row(&run, a, 4, "e", "x", 10, INFINITY, INFINITY);
    const char *folder = alm_test_folder();
    ALM_REQUIRE_OK(write(&run, folder, NULL));
    json_t *report = load(alm_test_path(folder, "report.json")), *g = group_of(report, "d", "test");
    static const struct {
        const char *a, *b, *c;
        double value;
    } expected[] = {
        {"samples", NULL, NULL, 5},
        {"rows", NULL, NULL, 9},
        {"valid_rows", NULL, NULL, 4},
        {"invalid_rows", NULL, NULL, 3},
        {"error_rows", NULL, NULL, 2},
        {"rows_of_symmetric_parts", NULL, NULL, 2},
        {"rows_of_parts_with_a_continuous_symmetry", NULL, NULL, 1},
        {"measures", "GD", "mean", 90},
        {"measures", "symmetric GD", "mean", 7},
        {"measures", "GD of asymmetric parts", "mean", 10},
        {"measures", "share of symmetric parts", "mean", 0.5},
        {"measures", "share of valid poses", "mean", 4.0 / 9},
        {"measures", "PA(0.01)", "mean", 1},
        {"measures", "PA(0.01) of all rows", "mean", 4.0 / 9},
        {"distribution", "GD", "median", 10},
        {"distribution", "GD", "q95", 170},
        {"distribution", "symmetric GD", "median", 4},
    };
    for (size_t k = 0; k < sizeof expected / sizeof expected[0]; k++) {
        const double got = number(g, expected[k].a, expected[k].b, expected[k].c);
        if (!(fabs(got - expected[k].value) <= 1e-12)) {
            ALM_FAIL("%s %s is %.17g, expected %.17g", expected[k].a,
                     expected[k].b ? expected[k].b : "", got, expected[k].value);
        }
    }
    char *text = alm_test_text(folder, "report.md");
    ALM_CHECK_TEXT(text, "| test | d | no pose | 2 |");
    ALM_CHECK_TEXT(text, "| test | d | gone | 2 |");
    ALM_CHECK_TEXT(text, "| test | d | A metric is not finite. | 1 |");
    free(text);
    text = alm_test_text(folder, "samples.csv");
    ALM_CHECK_TEXT(text, "d,test,0,2,c,y,false,no pose,,,,,,,,,\r\n");
    ALM_CHECK_TEXT(text, "d,test,1,1,b,x,true,,170,1,0.001,0,1,1,1,4,0\r\n");
    free(text);
    json_decref(report);
    alm_test_run_free(&run);
}

/* Each sample once, under its worst seed, by falling CD; ties by idx. */
ALM_TEST(report, worst_samples_are_distinct)
{
    alm_test_run run = {0};
    static const float cd[2][5] = {{0.5f, 0.1f, 0.9f, 0.9f, 0.2f}, {0.7f, 0.1f, 0.3f, 0.8f, 0.6f}};
    for (int seed = 0; seed < 2; seed++) {
        const int set = alm_test_run_set(&run, "d", "test", seed);
        for (int i = 4; i >= 0; i--) { /* selected order is not index order */
            alm_test_run_row(&run, set, i, "a", "x", 10, 1, cd[seed][i]);
        }
    }
    const char *folder = alm_test_folder();
    ALM_REQUIRE_OK(write(&run, folder, NULL));
    json_t *report = load(alm_test_path(folder, "report.json"));
    json_t *worst = json_object_get(group_of(report, "d", "test"), "worst");
    static const int expected[3][2] = {{2, 0}, {3, 0}, {0, 1}}; /* idx, seed */
    ALM_CHECK_INT(json_array_size(worst), 3);
    for (size_t k = 0; k < 3; k++) {
        ALM_CHECK_NEAR(number(json_array_get(worst, k), "idx", NULL, NULL), expected[k][0], 0);
        ALM_CHECK_NEAR(number(json_array_get(worst, k), "seed", NULL, NULL), expected[k][1], 0);
    }
    json_decref(report);
    alm_test_run_free(&run);
}

/* ---- The same bytes */

ALM_TEST(report, bytes_depend_on_the_rows_alone)
{
    alm_test_run run = {0};
    ALM_REQUIRE(alm_test_run_golden(&run));
    char one[200], two[200];
    snprintf(one, sizeof one, "%s", alm_test_folder());
    snprintf(two, sizeof two, "%s", alm_test_folder());
    ALM_REQUIRE_OK(write(&run, one, NULL));
    alm_test_run turned = run;
    for (int i = 0; i < run.count; i++) {
        turned.set[i] = run.set[(i * 7 + 3) % run.count]; /* gcd(7, 24) = 1 */
    }
    const alm_report_options options = {
        .folder = two, .model = "model & <co>", .resamples = 200, .threads = 3, .worst = 3};
    ALM_REQUIRE_OK(alm_report_write(turned.set, turned.count, &options));
    for (int k = 0; k < 6; k++) {
        char *a = alm_test_text(one, files[k]), *b = alm_test_text(two, files[k]);
        if (strcmp(a, b) != 0 || strlen(a) < 500) {
            ALM_FAIL("%s differs", files[k]);
        }
        free(a);
        free(b);
    }
    alm_test_run_free(&run);
}

/* ---- Names of strangers */

static const char *const hostile[] = {
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2",
    "@SUM(1)",
    "a,b\"c",
    "x|y\nz",
    "\\input{/etc/passwd}",
    "50% & $5_#",
    "\xFF\xFE bad",
    "[a](http://evil)",
    "' onload='x",
    "\xE2\x80\xAE"
    "esrever",
};
enum { HOSTILE = sizeof hostile / sizeof hostile[0] };

static void add_hostile(alm_test_run *run)
{
    for (int i = 0; i < HOSTILE; i++) {
        const int set = alm_test_run_set(run, hostile[i], "test", 0);
        for (int k = 0; k < 3; k++) {
            alm_test_run_row(run, set, k, hostile[(i + 1) % HOSTILE], hostile[(i + 2) % HOSTILE], 1,
                             1, (float)k);
        }
        alm_test_row_invalid(alm_test_run_row(run, set, 3, hostile[i], hostile[i], 0, 0, 0),
                             hostile[(i + 3) % HOSTILE], true);
    }
}

/* Nothing is loaded from anywhere, nothing of strangers is markup. */
static void check_html(const char *html)
{
    static const char *const never[] = {
        "http:",   "https:",      "<script",    "@import",           "url(",  "<link",
        "<iframe", "javascript:", "<img src=x", "onerror=alert(1)>", "file:", "srcset"};
    for (size_t k = 0; k < sizeof never / sizeof never[0]; k++) {
        const char *found = strstr(html, never[k]);
        /* A name may hold the word as text; as text its brackets and colons are what they are. */
        while (found && (strncmp(found, "http://evi", 10) == 0 ||
                         strncmp(found, "onerror=alert(1)&gt;", 20) == 0)) {
            found = strstr(found + 1, never[k]);
        }
        if (found) {
            ALM_FAIL("report.html holds \"%.40s\"", found);
        }
    }
    for (const char *at = html; (at = strstr(at, "src=\"")) != NULL; at++) {
        ALM_CHECK(strncmp(at, "src=\"data:image/png;base64,", 27) == 0);
    }
    for (const char *at = html; (at = strstr(at, "href=\"")) != NULL; at++) {
        ALM_CHECK(at[6] == '#');
    }
    ALM_CHECK_TEXT(html, "&lt;script&gt;alert(1)&lt;/script&gt;");
    ALM_CHECK_TEXT(html, "default-src 'none'");
}

/* Reads a cell (RFC 4180) into text; returns what ends it: ',', '\n' or '\0'. */
static char next_cell(const char **at, char *text, size_t bytes)
{
    size_t n = 0;
    const bool quoted = **at == '"';
    *at += quoted;
    while (**at) {
        if (quoted && **at == '"' && (*at)[1] == '"') {
            (*at)++;
        } else if (quoted ? **at == '"' : (**at == ',' || **at == '\r')) {
            break;
        }
        text[n < bytes - 1 ? n++ : n] = *(*at)++;
    }
    text[n] = '\0';
    *at += quoted && **at == '"';
    const char end = **at == '\r' ? '\n' : **at;
    *at += **at == '\r' ? 2 : **at == ',';
    return end;
}

/* So many rows of so many cells; no text cell is a formula. */
static void check_csv(const char *csv, int rows, int columns, int texts)
{
    char text[500];
    int row = 0, column = 0;
    for (const char *at = csv; *at;) {
        const char end = next_cell(&at, text, sizeof text);
        if (row > 0 && column < texts && strchr("=+-@", text[0]) && text[0]) {
            ALM_FAIL("row %d, cell %d is a formula: %s", row, column, text);
        }
        column++;
        if (end == '\n') {
            ALM_CHECK_INT(column, columns);
            column = 0;
            row++;
        }
    }
    ALM_CHECK_INT(row, rows);
}

/* Braces match, and a % begins a comment at the start of a line only. */
static void check_latex(const char *tex)
{
    int depth = 0;
    for (const char *c = tex; *c; c++) {
        if (*c == '\\') {
            c++;
        } else {
            depth += (*c == '{') - (*c == '}');
            ALM_CHECK(depth >= 0);
            ALM_CHECK(*c != '%' || c == tex || c[-1] == '\n');
            ALM_CHECK(*c != '#' && *c != '_' && *c != '^' && *c != '~');
        }
    }
    ALM_CHECK_INT(depth, 0);
    ALM_CHECK(!strstr(tex, "\\input{/etc"));
}

ALM_TEST(report, names_of_strangers_do_no_harm)
{
    alm_test_run run = {0};
    char folder[200];
    add_hostile(&run);
    snprintf(folder, sizeof folder, "%s", alm_test_folder());
    ALM_REQUIRE_OK(write(&run, folder, NULL));
    char *text[6];
    for (int k = 0; k < 6; k++) {
        text[k] = alm_test_text(folder, files[k]);
    }
    json_decref(load(alm_test_path(folder, "report.json")));
    check_html(text[1]);
    check_latex(text[3]);
    check_csv(text[4], HOSTILE * 4 + 1, 17, 2);
    ALM_CHECK(!strstr(text[2], "<script") && strstr(text[2], "\\[a\\](http&#58;//evil)"));
    for (const char *at = text[2]; (at = strstr(at, "](")) != NULL; at++) {
        ALM_CHECK(at > text[2] && at[-1] == '\\');
    }
    for (char *line = text[2]; (line = strstr(line, "\n| ")) != NULL; line++) {
        const char *end = strchr(line + 1, '\n');
        ALM_CHECK(end && end[-1] == '|');
    }
    for (int k = 0; k < 6; k++) {
        free(text[k]);
    }
    alm_test_run_free(&run);
}

/* ---- Pictures */

enum { POINTS = 400 };
static float fixed[3 * POINTS], moving[3 * POINTS];

static void make_clouds(void)
{
    for (int i = 0; i < POINTS; i++) {
        const float u = (float)(i % 20) / 20 - 0.5f, v = (float)(i / 20) / 20 - 0.5f;
        memcpy(fixed + 3 * i, (float[3]){u, v, 0}, 3 * sizeof(float));
        memcpy(moving + 3 * i, (float[3]){0.3f * u, 0.3f * v, 0.1f * (float)(i % 7)},
               3 * sizeof(float));
    }
}

static alm_status scene(void *context, const alm_eval_set *set, const alm_eval_row *row,
                        alm_report_scene *out)
{
    static uint8_t page[40 * 30 * 3];
    (void)context;
    (void)set;
    if (row->idx == 1) {
        return alm_fail(ALM_STATUS_SAMPLE, "/secret/path is gone");
    }
    for (size_t i = 0; i < sizeof page; i += 3) {
        page[i] = 0; /* pure blue: no ball has it */
        page[i + 1] = 0;
        page[i + 2] = 255;
    }
    *out = (alm_report_scene){
        .fixed = fixed, .moving = moving, .fixed_count = POINTS, .moving_count = POINTS};
    out->page[1].rgb = page;
    out->page[1].width = 40;
    out->page[1].height = 30;
    return ALM_OK;
}

static alm_status no_scene(void *context, const alm_eval_set *set, const alm_eval_row *row,
                           alm_report_scene *out)
{
    (void)context;
    (void)set;
    (void)row;
    (void)out;
    return alm_fail(ALM_STATUS_DEVICE, "the reader is gone");
}

/* Pixels of each kind, and the mean height of the balls that mark the true and the other place. */
static void count_colours(const char *path, double count[3], double height[2])
{
    alm_image image = {0};
    memset(count, 0, 3 * sizeof *count);
    height[0] = height[1] = 0;
    ALM_REQUIRE_OK(alm_image_read(path, &image));
    for (int y = 0; y < image.height - 40; y++) { /* above the legend */
        for (int x = 0; x < image.width; x++) {
            const uint8_t *p = image.rgb + 3 * ((size_t)y * (size_t)image.width + (size_t)x);
            if (p[2] == 255 && p[0] == 0) {
                count[2]++;
            } else if (p[1] > p[0] + 40) {
                count[0]++;
                height[0] += y;
            } else if (p[0] > p[2] + 60) {
                count[1]++;
                height[1] += y;
            }
        }
    }
    for (int k = 0; k < 2; k++) {
        height[k] /= count[k];
    }
    alm_image_free(&image);
}

ALM_TEST(report, pictures_show_both_places)
{
    alm_test_run run = {0};
    const int set = alm_test_run_set(&run, "d", "test", 0);
    make_clouds();
    for (int i = 0; i < 3; i++) {
        alm_eval_row *row = alm_test_run_row(&run, set, i, "part", "x", 5, 1, (float)(3 - i));
        row->true_t[2] = 0.2f;
        row->pred_t[2] = 1.2f; /* above the true place, so nearer to the top of the picture */
    }
    const char *folder = alm_test_folder();
    ALM_REQUIRE_OK(write(&run, folder, scene));
    double count[3], height[2];
    count_colours(alm_test_path(folder, "report_pictures/worst_01_001.png"), count, height);
    ALM_CHECK(count[0] > 2000 && count[1] > 2000);
    ALM_CHECK(height[1] < height[0] - 60);
    /* The page fits into 146 by 146: 146 by 109 */
    ALM_CHECK_INT(count[2], 146 * 109);
    char *html = alm_test_text(folder, "report.html");
    int pictures = 0;
    for (const char *at = html; (at = strstr(at, "src=\"data:image/png;base64,")) != NULL; at++) {
        pictures++;
    }
    ALM_CHECK_INT(pictures, 2); /* of three worst; fewer than four rows have no quartiles */
    ALM_CHECK_TEXT(html, "no picture: the sample could not be read");
    ALM_CHECK(!strstr(html, "secret"));
    free(html);
    ALM_CHECK_STATUS(write(&run, alm_test_folder(), no_scene), ALM_STATUS_DEVICE);
    alm_test_run_free(&run);
}

/* The fourth term of a rotation that is its own transpose would hide a wrong convention: here
 * p = Rᵀ·P + t turns x to y (assembench.md 3), and the true place is reached by prediction. */
ALM_TEST(report, pictures_turn_as_the_benchmark_does)
{
    alm_test_run run = {0};
    const int set = alm_test_run_set(&run, "d", "test", 0);
    make_clouds();
    for (int i = 0; i < POINTS; i++) { /* a bar along x */
        memcpy(moving + 3 * i, (float[3]){(float)i / POINTS, 0, 0}, 3 * sizeof(float));
    }
    /* rows of R: Rᵀ·(1,0,0) is the first row, straight up; the prediction is straight down. */
    static const float up[9] = {0, 0, 1, 0, 1, 0, -1, 0, 0}, down[9] = {0, 0, -1, 0, 1, 0, 1, 0, 0};
    alm_eval_row *row = alm_test_run_row(&run, set, 0, "part", "x", 5, 1, 1);
    memcpy(row->true_r, up, sizeof up);
    memcpy(row->pred_r, down, sizeof down);
    const char *folder = alm_test_folder();
    ALM_REQUIRE_OK(write(&run, folder, scene));
    double count[3], height[2];
    count_colours(alm_test_path(folder, "report_pictures/worst_01_001.png"), count, height);
    ALM_CHECK(count[0] > 200 && count[1] > 200 && height[0] < height[1] - 60);
    alm_test_run_free(&run);
}

/* ---- Failures */

static int files_in(const char *folder)
{
    int count = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
        count += e->d_name[0] != '.';
    }
    if (dir) {
        closedir(dir);
    }
    return count;
}

static alm_status broken_row(void *context, int64_t row, alm_eval_row *out)
{
    (void)context;
    (void)row;
    (void)out;
    return alm_fail(ALM_STATUS_OUTPUT, "the journal is gone");
}

ALM_TEST(report, what_is_wrong_is_refused_and_leaves_nothing)
{
    alm_test_run run = {0}, twice = {0}, other = {0}, again = {0};
    const char *folder = alm_test_folder();
    const int a = alm_test_run_set(&run, "d", "test", 0);
    alm_test_run_row(&run, a, 0, "a", "x", 1, 1, 1);
    alm_test_run_row(&run, a, 0, "a", "x", 1, 1, 1);
    ALM_CHECK_STATUS(write(&run, folder, NULL), ALM_STATUS_CHECK);
    ALM_CHECK_TEXT(alm_error_message(), "dataset d, split test, seed 0: idx 0 is there twice");
    alm_test_run_set(&twice, "d", "test", 7);
    alm_test_run_set(&twice, "d", "test", 7);
    ALM_CHECK_STATUS(write(&twice, folder, NULL), ALM_STATUS_CHECK);
    ALM_CHECK_TEXT(alm_error_message(), "dataset d, split test, seed 7 is there twice");
    for (int seed = 0; seed < 2; seed++) {
        const int set = alm_test_run_set(&other, "d", "test", seed);
        alm_test_run_row(&other, set, 5, seed ? "b" : "a", "x", 1, 1, 1);
    }
    ALM_CHECK_STATUS(write(&other, folder, NULL), ALM_STATUS_CHECK);
    ALM_CHECK_TEXT(alm_error_message(), "idx 5 is another sample under seed 1 than under seed 0");
    alm_test_run_row(&again, alm_test_run_set(&again, "d", "test", 0), 0, "a", "x", 1, 1, 1);
    again.set[0].row = broken_row;
    ALM_CHECK_STATUS(write(&again, folder, NULL), ALM_STATUS_OUTPUT);
    ALM_CHECK_INT(files_in(folder), 0);
    ALM_CHECK_STATUS(write(&twice, "/nowhere/at/all", NULL), ALM_STATUS_OUTPUT);
    const alm_report_options bad[3] = {
        {.folder = NULL}, {.folder = folder, .worst = -2}, {.folder = folder, .formats = 64}};
    for (int k = 0; k < 3; k++) {
        ALM_CHECK_STATUS(alm_report_write(run.set, 0, &bad[k]), ALM_STATUS_USAGE);
    }
    alm_test_run_free(&run);
    alm_test_run_free(&twice);
    alm_test_run_free(&other);
    alm_test_run_free(&again);
}

/* Nothing at all, and a dataset without a name or rows, are reports too. */
ALM_TEST(report, nothing_is_a_report)
{
    alm_test_run run = {0};
    const char *folder = alm_test_folder();
    ALM_REQUIRE_OK(write(&run, folder, NULL));
    json_decref(load(alm_test_path(folder, "report.json")));
    alm_test_run_set(&run, NULL, "train", 0);
    ALM_REQUIRE_OK(write(&run, folder, NULL));
    json_t *report = load(alm_test_path(folder, "report.json"));
    json_t *group = json_array_get(json_object_get(report, "groups"), 0);
    ALM_CHECK(group && json_is_null(json_object_get(group, "dataset")));
    json_decref(report);
    char *text = alm_test_text(folder, "report.md");
    ALM_CHECK_TEXT(text, "(not named)");
    free(text);
    alm_test_run_free(&run);
}

/* Only what is asked for. */
ALM_TEST(report, formats_are_chosen)
{
    alm_test_run run = {0};
    alm_test_run_row(&run, alm_test_run_set(&run, "d", "test", 0), 0, "a", "x", 1, 1, 1);
    const char *folder = alm_test_folder();
    const alm_report_options options = {.folder = folder, .formats = ALM_REPORT_TEX};
    ALM_REQUIRE_OK(alm_report_write(run.set, run.count, &options));
    ALM_CHECK_INT(files_in(folder), 1);
    free(alm_test_text(folder, "report.tex"));
    alm_test_run_free(&run);
}

/* ---- Time */

/* Values 1 ... 100,000: quantiles within the 0.8 % of a bucket. */
ALM_TEST(report, tallies_know_their_quantiles)
{
    static alm_tally t, huge;
    for (uint64_t i = 1; i <= 100000; i++) {
        alm_tally_add(&t, i);
    }
    ALM_CHECK_NEAR(alm_tally_quantile(&t, 0.5), 50000, 50000 * 0.008);
    ALM_CHECK_NEAR(alm_tally_quantile(&t, 0.95), 95000, 95000 * 0.008);
    ALM_CHECK_NEAR(alm_tally_quantile(&t, 1), 100000, 100000 * 0.008);
    ALM_CHECK_NEAR(alm_tally_quantile(&t, 0.00001), 1, 0);
    ALM_CHECK_NEAR(alm_tally_quantile(&t, 0.001), 100, 0);
    ALM_CHECK_NEAR(alm_tally_quantile(&t, 0.0013), 130, 0.5); /* 130 and 131 share a bucket */
    alm_tally_add(&huge, UINT64_MAX);
    ALM_CHECK(alm_tally_quantile(&huge, 0.5) >= 1.8e19);
    const alm_report_stage stages[1] = {{.name = "network", .unit = "us", .tally = &t}};
    const alm_report_timing timing = {.device = "a \"cpu\"",
                                      .wall_s = 4,
                                      .samples = 1000,
                                      .peak_rss_bytes = 123456789,
                                      .stages = stages,
                                      .stage_count = 1};
    const char *path = alm_test_path(alm_test_folder(), "timing.json");
    ALM_REQUIRE_OK(alm_report_timing_write(path, &timing));
    json_t *root = load(path), *stage = json_array_get(json_object_get(root, "per_sample"), 0);
    ALM_CHECK_NEAR(number(root, "samples_per_s", NULL, NULL), 250, 0);
    ALM_CHECK_NEAR(number(root, "peak_rss_bytes", NULL, NULL), 123456789, 0);
    ALM_CHECK(json_is_null(json_object_get(root, "peak_device_bytes")));
    ALM_CHECK_NEAR(number(stage, "mean", NULL, NULL), 50000.5, 0.5);
    ALM_CHECK_NEAR(number(stage, "most", NULL, NULL), 100000, 0);
    json_decref(root);
}
