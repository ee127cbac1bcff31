/* Draws and metrics of every golden run of AssemBench, with the tolerances of its README. */
#include <jansson.h>
#include <stdlib.h>

#include "runtime/eval/draw.h"
#include "runtime/eval/metrics.h"
#include "runtime/eval/random.h"
#include "tests/eval/hdf5_clouds.h"
#include "tests/shim/sha256.h"
#include "tests/eval/tensor_file.h"
#include "tests/shim/alm_test.h"

enum { POINTS = ALM_DRAW_POINTS };

/* ---- Tolerances ---- */

/* What a rotation may be off that was made of these two vectors: 1e-6 / (sine of their angle). */
static double rotation_tolerance(const float six[6])
{
    double aa = 0, bb = 0, cc = 0;
    for (int i = 0; i < 3; i++) {
        const int j = (i + 1) % 3, k = (i + 2) % 3;
        const double c = (double)six[j] * (double)six[3 + k] - (double)six[k] * (double)six[3 + j];
        aa += (double)six[i] * (double)six[i];
        bb += (double)six[3 + i] * (double)six[3 + i];
        cc += c * c;
    }
    const double sine = sqrt(cc / (aa * bb));
    return sine > 0 ? 1e-6 / sine : 1e-6; /* a zero vector: nothing is divided by a sine */
}

static void check_values(const char *what, const float *got, const float *want, int n,
                         double tolerance)
{
    for (int i = 0; i < n; i++) {
        if (!(fabs((double)got[i] - (double)want[i]) <= tolerance)) {
            ALM_FAIL("%s: number %d is %.9g, expected %.9g within %g", what, i, (double)got[i],
                     (double)want[i], tolerance);
            return;
        }
    }
}

static void check_degrees(const char *what, double got, double want)
{
    const double unit = 3.14159265358979323846 / 180;
    if (!(fabs(cos(got * unit) - cos(want * unit)) <= 1e-6)) {
        ALM_FAIL("%s: %.9g degrees, expected %.9g", what, got, want);
    }
}

static void read_numbers(json_t *list, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        json_t *v = json_array_get(list, i);
        const char *text = json_string_value(v);
        out[i] = text ? strtof(text, NULL) : (float)json_number_value(v);
    }
}

/* [3][3] */
static void read_rows(json_t *rows, float *out)
{
    for (size_t i = 0; i < 3; i++) {
        read_numbers(json_array_get(rows, i), out + 3 * i, 3);
    }
}

/* ---- Anchors ---- */

ALM_TEST(metrics, golden_rotations)
{
    json_t *root = json_load_file(alm_test_golden("assembench/anchors.json"), 0, NULL), *row;
    ALM_REQUIRE(root);
    size_t i;
    json_array_foreach(json_object_get(root, "rotation_6d_to_matrix"), i, row)
    {
        float six[6], want[9], got[9];
        read_numbers(json_object_get(row, "input"), six, 6);
        read_rows(json_object_get(row, "matrix_rows"), want);
        alm_rotation_from_6d(six, got);
        check_values(json_string_value(json_object_get(row, "case")), got, want, 9,
                     rotation_tolerance(six));
    }
    ALM_CHECK(i >= 9);
    json_array_foreach(json_object_get(root, "geodesic_degrees"), i, row)
    {
        float six[6], truth[9], guess[9];
        read_numbers(json_object_get(row, "truth"), six, 6);
        alm_rotation_from_6d(six, truth);
        read_numbers(json_object_get(row, "prediction"), six, 6);
        alm_rotation_from_6d(six, guess);
        check_degrees(json_string_value(json_object_get(row, "case")),
                      (double)alm_rotation_error(truth, guess),
                      json_number_value(json_object_get(row, "degrees")));
    }
    ALM_CHECK(i >= 11);
    /* The two ends are fixed numbers. */
    const float identity[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    const float half_turn[9] = {1, 0, 0, 0, -1, 0, 0, 0, -1};
    ALM_CHECK(alm_rotation_error(identity, identity) == 0.08156468719244003f);
    ALM_CHECK_NEAR(alm_rotation_error(identity, half_turn), 179.91844, 1e-5);
    json_decref(root);
}

/* ---- Scores ---- */

/* A bent rod, drawn with seed 5. */
static const alm_draw *example(void)
{
    static alm_draw draw;
    float cloud[90];
    for (int i = 0; i < 30; i++) {
        cloud[3 * i] = 0.01f * (float)i;
        cloud[3 * i + 1] = i > 15 ? 0.02f * (float)(i - 15) : 0;
        cloud[3 * i + 2] = 0.3f;
    }
    if (alm_draw_sample(5, cloud, 30, cloud, 30, &draw) != ALM_OK) {
        ALM_FAIL("%s", alm_error_message());
    }
    return &draw;
}

ALM_TEST(metrics, which_poses_are_valid)
{
    float pose[9] = {0};
    ALM_CHECK(!alm_pose_is_valid(pose));
    pose[8] = -0.0f;
    ALM_CHECK(!alm_pose_is_valid(pose));
    pose[8] = 1e-45f;
    ALM_CHECK(alm_pose_is_valid(pose));
    pose[0] = -100;
    ALM_CHECK(!alm_pose_is_valid(pose));
    pose[0] = nextafterf(-100, 0);
    ALM_CHECK(alm_pose_is_valid(pose));
    pose[0] = 0;
    pose[1] = -100;
    ALM_CHECK(alm_pose_is_valid(pose));
    for (int i = 0; i < 9; i++) {
        const float bad[3] = {NAN, INFINITY, -INFINITY}, was = pose[i];
        for (int k = 0; k < 3; k++) {
            pose[i] = bad[k];
            ALM_CHECK(!alm_pose_is_valid(pose));
        }
        pose[i] = was;
    }
}

ALM_TEST(metrics, target_itself)
{
    const alm_draw *draw = example();
    alm_eval_row row = {0};
    alm_score(draw, draw->pose, &row);
    ALM_CHECK(row.valid && !row.error);
    ALM_CHECK(row.metric[ALM_METRIC_CD] == 0 && row.metric[ALM_METRIC_CD_R] == 0);
    ALM_CHECK(row.metric[ALM_METRIC_RMSE_T] == 0);
    ALM_CHECK_NEAR(cos((double)row.metric[ALM_METRIC_GD] * 3.14159265358979 / 180), 1, 1.2e-6);
    ALM_CHECK(row.metric[ALM_METRIC_PA_010] == 1 && row.metric[ALM_METRIC_PA_005] == 1);
}

/* A shift of a tiny part by s: CD = s² but for what the part's own points are nearer. */
ALM_TEST(metrics, thresholds)
{
    static alm_draw draw;
    const float dot[3] = {0.5f, 0.25f, -0.75f};
    const float shifts[] = {0.0702f, 0.0712f, 0.0889f, 0.0899f, 0.0995f, 0.1005f};
    ALM_REQUIRE_OK(alm_draw_sample(1, dot, 1, dot, 1, &draw));
    for (int i = 0; i < 6; i++) {
        float pose[9];
        alm_eval_row row = {0};
        memcpy(pose, draw.pose, sizeof pose);
        pose[1] += shifts[i];
        alm_score(&draw, pose, &row);
        const double square = (double)shifts[i] * (double)shifts[i];
        ALM_CHECK_NEAR(row.metric[ALM_METRIC_CD], square, 1e-6);
        ALM_CHECK(row.metric[ALM_METRIC_CD_R] == 0);
        ALM_CHECK_NEAR(row.metric[ALM_METRIC_RMSE_T], sqrt(square / 3), 1e-6);
        ALM_CHECK_INT(row.metric[ALM_METRIC_PA_005], i < 1);
        ALM_CHECK_INT(row.metric[ALM_METRIC_PA_008], i < 3);
        ALM_CHECK_INT(row.metric[ALM_METRIC_PA_010], i < 5);
    }
}

ALM_TEST(metrics, zero_rotation_is_valid)
{
    const alm_draw *draw = example();
    float pose[9] = {0.01f};
    alm_eval_row row = {0};
    alm_score(draw, pose, &row);
    ALM_CHECK(row.valid);
    ALM_CHECK(row.metric[ALM_METRIC_GD] == 120);
    for (int i = 0; i < 9; i++) {
        ALM_CHECK(row.pred_r[i] == 0);
    }
}

ALM_TEST(metrics, invalid_rows_keep_what_they_have_not)
{
    const alm_draw *draw = example();
    float pose[9] = {-100};
    alm_eval_row row = {.idx = 3, .asset = "a", .pred_t = {7}, .metric = {9}, .valid = true};
    alm_score(draw, pose, &row);
    ALM_CHECK(!row.valid && row.has_truth && row.error);
    ALM_CHECK(row.idx == 3 && row.pred_t[0] == 7 && row.metric[0] == 9);
    ALM_CHECK(memcmp(row.true_t, draw->centre, sizeof row.true_t) == 0);
}

/* Finite poses whose metrics are not: an error of their own, no infinity, no NaN, no hang. */
ALM_TEST(metrics, overflow_is_an_error)
{
    const alm_draw *draw = example();
    const float sizes[] = {1e18f, 1e20f, 3e38f};
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < 9; k++) {
            float pose[9];
            alm_eval_row row = {0};
            memcpy(pose, draw->pose, sizeof pose);
            pose[k] = k % 2 ? sizes[i] : -sizes[i];
            ALM_CHECK(alm_pose_is_valid(pose));
            alm_score(draw, pose, &row);
            if (i > 0 && k < 3) {
                ALM_CHECK(!row.valid);
                ALM_CHECK_TEXT(row.error ? row.error : "", "overflow");
            }
            for (int m = 0; row.valid && m < ALM_METRICS; m++) {
                ALM_CHECK(isfinite(row.metric[m]));
            }
        }
    }
}

/* ---- Runs ---- */

typedef struct run {
    const char *folder; /* below golden/assembench */
    json_t *info;       /* its entry in draws.json */
    const char *dataset, *split;
    int64_t seed, total;
    char prefix[160]; /* of its tensors */
    const tensor_file *tensors;
    json_t *details;      /* of its results */
    const char *at, *end; /* what is left of predictions.jsonl */
} run;

/* The clouds of a sample: from the first file of the mixture that has the object. */
static int read_clouds(const run *r, const char *asset, test_cloud *moving, test_cloud *fixed)
{
    const char *at = r->dataset;
    while (*at) {
        char name[64], path[256];
        const size_t length = strcspn(at, "+");
        snprintf(name, sizeof name, "%.*s", (int)length, at);
        at += length + (at[length] == '+');
        char *end = strstr(name, "_final_hdf5");
        if (end) {
            *end = '\0';
        }
        const char *plain = strncmp(name, "assemlm_", 8) == 0 ? name + 8 : name;
        snprintf(path, sizeof path, "assembench/%sdata/assemlm_%s.hdf5",
                 strcmp(plain, "broken") == 0 ? "broken/" : "", plain);
        if (test_read_clouds(alm_test_golden(path), asset, moving, fixed)) {
            return moving->xyz && fixed->xyz;
        }
    }
    ALM_FAIL("%s %s: no such object", r->dataset, asset);
    return 0;
}

static const void *tensor_of(const run *r, const char *name, const char *type, int64_t count)
{
    char full[200];
    snprintf(full, sizeof full, "%s%s", r->prefix, name);
    return tensor_file_find(r->tensors, full, type, count, NULL);
}

static int has_tensor(const run *r, const char *name)
{
    char full[200];
    snprintf(full, sizeof full, "%s%s", r->prefix, name);
    return tensor_file_has(r->tensors, full);
}

static void check_order(const run *r, json_t *samples)
{
    const size_t n = json_array_size(samples);
    const int64_t *idx = n ? tensor_of(r, "idx", "I64", (int64_t)n) : NULL; /* ikea has no train */
    uint32_t *order = calloc((size_t)r->total + 1, sizeof *order);
    if (json_is_true(json_object_get(r->info, "shuffle"))) {
        ALM_CHECK_STATUS(alm_random_order((uint32_t)r->seed, r->total, order), ALM_OK);
    } else {
        for (int64_t i = 0; i < r->total; i++) {
            order[i] = (uint32_t)i;
        }
    }
    json_t *wanted = json_object_get(r->info, "num_samples");
    int64_t count = json_is_integer(wanted) ? json_integer_value(wanted) : r->total;
    count = count < r->total ? count : r->total;
    const int broken = strcmp(r->dataset, "broken") == 0; /* lists its good samples only */
    if (!broken) {
        ALM_CHECK_INT(n, count);
    }
    for (size_t i = 0; idx && i < n; i++) {
        ALM_CHECK_INT(json_integer_value(json_object_get(json_array_get(samples, i), "idx")),
                      idx[i]);
        if (!broken) {
            ALM_CHECK_INT(order[i], idx[i]);
        }
    }
    free(order);
}

static void check_sha(const char *what, const float *cloud, json_t *want)
{
    char text[65];
    sha256_hex(cloud, POINTS * 3 * sizeof *cloud, text);
    if (!json_is_string(want) || strcmp(text, json_string_value(want)) != 0) {
        ALM_FAIL("%s: SHA-256 %s, expected %s", what, text, json_string_value(want));
    }
}

/* *row counts the samples that were drawn from. */
static void check_indices(const run *r, const char *name, bool drawn, const uint32_t *index,
                          json_t *sample, int *row)
{
    char text[40];
    snprintf(text, sizeof text, "%s_drawn", name);
    ALM_CHECK_INT(drawn, json_is_true(json_object_get(sample, text)));
    snprintf(text, sizeof text, "%s_indices", name);
    if (!drawn || !has_tensor(r, text)) {
        return;
    }
    const uint16_t *want = tensor_of(r, text, "U16", -1);
    for (int i = 0; want && i < POINTS; i++) {
        if (index[i] != want[(*row) * POINTS + i]) {
            ALM_FAIL("%s row %d: index %d is %u, expected %u", text, *row, i, index[i],
                     want[*row * POINTS + i]);
            break;
        }
    }
    (*row)++;
}

/* Of the rotation that this sample draws. */
static double drawn_tolerance(const run *r, json_t *sample)
{
    alm_mt19937 generator;
    float six[6];
    const int64_t idx = json_integer_value(json_object_get(sample, "idx"));
    alm_mt19937_seed(&generator, alm_draw_seed((uint32_t)r->seed, idx));
    for (int k = 0; k < 6; k++) {
        six[k] = (float)(alm_mt19937_next(&generator) & 0xFFFFFF) / 16777216;
    }
    return rotation_tolerance(six);
}

static void check_draw(const run *r, size_t i, json_t *sample, const alm_draw *draw, int rows[2])
{
    const size_t n = json_array_size(json_object_get(r->info, "samples"));
    check_indices(r, "moving", draw->moving_drawn, draw->moving_index, sample, &rows[0]);
    check_indices(r, "fixed", draw->fixed_drawn, draw->fixed_index, sample, &rows[1]);
    check_sha("moving", draw->moving, json_object_get(sample, "moving_sha256"));
    check_sha("fixed", draw->fixed, json_object_get(sample, "fixed_sha256"));
    const float *centre = tensor_of(r, "centre", "F32", (int64_t)n * 3);
    const float *rotation = tensor_of(r, "rotation", "F32", (int64_t)n * 9);
    const float *pose = tensor_of(r, "pose", "F32", (int64_t)n * 9);
    if (!centre || !rotation || !pose) {
        return;
    }
    const double tolerance = drawn_tolerance(r, sample);
    check_values("centre", draw->centre, centre + 3 * i, 3, 0);
    check_values("rotation", draw->rotation, rotation + 9 * i, 9, tolerance);
    check_values("pose", draw->pose, pose + 9 * i, 3, 0);
    check_values("pose", draw->pose + 3, pose + 9 * i + 3, 6, tolerance);
    if (i == 0 && has_tensor(r, "randomised")) {
        const float *want = tensor_of(r, "randomised", "F32", POINTS * 3);
        double size = 1;
        for (int k = 0; want && k < POINTS * 3; k++) {
            size = fmax(size, fabs((double)want[k]));
        }
        check_values("randomised", draw->randomised, want, POINTS * 3, tolerance * size);
    }
}

/* The next prediction of this run. */
static int next_pose(run *r, json_t *sample, float pose[9])
{
    while (r->at < r->end) {
        const char *line = r->at, *newline = memchr(line, '\n', (size_t)(r->end - line));
        const char *stop = newline ? newline : r->end;
        r->at = stop + (newline != NULL);
        json_t *p = json_loadb(line, (size_t)(stop - line), 0, NULL);
        const int ours =
            p && strcmp(json_string_value(json_object_get(p, "dataset")), r->dataset) == 0 &&
            strcmp(json_string_value(json_object_get(p, "split")), r->split) == 0 &&
            json_integer_value(json_object_get(p, "seed")) == r->seed;
        if (ours) {
            ALM_CHECK_INT(json_integer_value(json_object_get(p, "idx")),
                          json_integer_value(json_object_get(sample, "idx")));
            read_numbers(json_object_get(p, "pose"), pose, 9);
        }
        json_decref(p);
        if (ours) {
            return 1;
        }
    }
    ALM_FAIL("%s %s %lld: a prediction is missing", r->dataset, r->split, (long long)r->seed);
    return 0;
}

static void check_metrics(const alm_eval_row *row, json_t *want)
{
    for (int m = 0; m < ALM_METRICS; m++) {
        const double got = (double)row->metric[m];
        json_t *number = json_object_get(want, alm_metric_names[m]);
        const double v = json_number_value(number);
        ALM_CHECK(json_is_number(number));
        switch (m) {
        case ALM_METRIC_GD: check_degrees("GD", got, v); break;
        case ALM_METRIC_RMSE_T: ALM_CHECK_NEAR(got, v, 1e-6 * v + 1e-7); break;
        case ALM_METRIC_CD:
        case ALM_METRIC_CD_R: ALM_CHECK_NEAR(got, v, 1e-5 * v + 2e-8); break;
        default: ALM_CHECK(got == v); break;
        }
    }
}

static void check_score(run *r, json_t *sample, json_t *want, const alm_draw *draw)
{
    float pose[9], v[9];
    alm_eval_row row = {.symmetries = 77};
    if (!next_pose(r, sample, pose)) {
        return;
    }
    alm_score(draw, pose, &row);
    ALM_CHECK_INT(row.valid, json_is_true(json_object_get(want, "valid")));
    ALM_CHECK(row.has_truth);
    ALM_CHECK_INT(row.symmetries, 77);
    read_numbers(json_object_get(want, "true_T"), v, 3);
    check_values("true_T", row.true_t, v, 3, 0);
    read_rows(json_object_get(want, "true_R"), v);
    check_values("true_R", row.true_r, v, 9, drawn_tolerance(r, sample));
    if (!row.valid) {
        ALM_CHECK(json_is_null(json_object_get(want, "pred_T")));
        const char *error = json_string_value(json_object_get(want, "error"));
        ALM_CHECK(row.error && error && strcmp(row.error, error) == 0);
        return;
    }
    ALM_CHECK(row.error == NULL);
    read_numbers(json_object_get(want, "pred_T"), v, 3);
    check_values("pred_T", row.pred_t, v, 3, 0);
    read_rows(json_object_get(want, "pred_R"), v);
    check_values("pred_R", row.pred_r, v, 9, rotation_tolerance(pose + 3));
    check_metrics(&row, want);
}

static int check_run(run *r)
{
    static alm_draw draw;
    json_t *samples = json_object_get(r->info, "samples"), *sample;
    int rows[2] = {0, 0};
    size_t i;
    check_order(r, samples);
    ALM_CHECK_INT(json_array_size(r->details), json_array_size(samples));
    json_array_foreach(samples, i, sample)
    {
        test_cloud moving, fixed;
        const char *asset = json_string_value(json_object_get(sample, "asset"));
        if (!read_clouds(r, asset, &moving, &fixed)) {
            continue;
        }
        ALM_CHECK_INT(moving.points, json_integer_value(json_object_get(sample, "moving_points")));
        ALM_CHECK_INT(fixed.points, json_integer_value(json_object_get(sample, "fixed_points")));
        const int64_t idx = json_integer_value(json_object_get(sample, "idx"));
        const alm_status status = alm_draw_sample(alm_draw_seed((uint32_t)r->seed, idx), moving.xyz,
                                                  moving.points, fixed.xyz, fixed.points, &draw);
        if (status != ALM_OK) {
            ALM_FAIL("%s %s: %s", r->dataset, asset, alm_error_message());
        } else {
            const bool failed = alm_test_failed();
            check_draw(r, i, sample, &draw, rows);
            check_score(r, sample, json_array_get(r->details, i), &draw);
            if (!failed && alm_test_failed()) {
                ALM_FAIL("the first failure is of %s %s seed %lld, %s", r->dataset, r->split,
                         (long long)r->seed, asset);
            }
        }
        free(moving.xyz);
        free(fixed.xyz);
    }
    return (int)i;
}

/* Every run of a folder; returns the number of samples. */
static int check_folder(const char *folder, int runs)
{
    char path[512];
    snprintf(path, sizeof path, "assembench/%sdraws.json", folder);
    json_t *list = json_load_file(alm_test_golden(path), 0, NULL), *info;
    snprintf(path, sizeof path, "assembench/%sdraws.safetensors", folder);
    tensor_file tensors = tensor_file_open(alm_test_golden(path));
    snprintf(path, sizeof path, "assembench/%spredictions.jsonl", folder);
    size_t bytes = 0, i;
    char *predictions = alm_test_read(alm_test_golden(path), &bytes);
    int samples = 0;
    if (!list || !tensors.bytes || !predictions) {
        ALM_FAIL("%s: not readable", folder);
        return 0;
    }
    json_array_foreach(list, i, info)
    {
        run r = {.folder = folder,
                 .info = info,
                 .tensors = &tensors,
                 .at = predictions,
                 .end = predictions + bytes,
                 .dataset = json_string_value(json_object_get(info, "dataset")),
                 .split = json_string_value(json_object_get(info, "split")),
                 .seed = json_integer_value(json_object_get(info, "seed")),
                 .total = json_integer_value(json_object_get(info, "total"))};
        snprintf(r.prefix, sizeof r.prefix, "%s/%s/%lld/", r.dataset, r.split, (long long)r.seed);
        snprintf(path, sizeof path, "assembench/%s%s", folder,
                 json_string_value(json_object_get(info, "results")));
        json_t *results = json_load_file(alm_test_golden(path), 0, NULL);
        r.details = json_is_array(results) ? results : json_object_get(results, "details");
        if (r.details) {
            samples += check_run(&r);
        } else {
            ALM_FAIL("%s: no details", path);
        }
        json_decref(results);
    }
    ALM_CHECK_INT(i, runs);
    free(predictions);
    tensor_file_close(&tensors);
    json_decref(list);
    return samples;
}

ALM_TEST(golden, main_runs)
{
    ALM_CHECK_INT(check_folder("", 24), 117);
}

ALM_TEST(golden, more_runs)
{
    ALM_CHECK_INT(check_folder("runs/mixture/", 2), 20);
    ALM_CHECK_INT(check_folder("runs/plain/", 1), 6);
    ALM_CHECK_INT(check_folder("runs/wrap/", 2), 8);
    ALM_CHECK_INT(check_folder("runs/invalid/", 1), 5);
}

ALM_TEST(golden, good_samples_of_the_broken_file)
{
    ALM_CHECK_INT(check_folder("broken/", 1), 3);
}
