/* The result line is a promise: its keys, their order, numbers that read back as the same bits, and
 * no pose where there is none. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/engine.h"
#include "runtime/output/result.h"
#include "tests/shim/alm_test.h"

static char model_name[] = "/some/where/model";
static alm_target cpu = {.name = "cpu"};
static const alm_engine engine = {
    .model = model_name, .arithmetic = ALM_DTYPE_F32, .n_targets = 1, .target = {&cpu}};

/* Numbers that need all 17 digits. */
static alm_result make_result(void)
{
    alm_result r = {.fixed_points = 1000,
                    .moving_points = 1024,
                    .points_used = 1024,
                    .warning_count = 1,
                    .timing_count = 2};
    double value = 0.1;
    double *const all[] = {r.position,           r.orientation,     r.matrix,
                           r.center_subtracted,  r.raw_translation, r.raw_rotation_6d,
                           r.raw_rotation_matrix};
    const int counts[] = {3, 4, 16, 3, 3, 6, 9};
    for (int k = 0; k < 7; k++) {
        for (int i = 0; i < counts[k]; i++) {
            all[k][i] = value;
            value = -value * 1.1;
        }
    }
    snprintf(r.warning[0], sizeof r.warning[0], "a \"quoted\" warning");
    r.timing[0].stage = "read";
    r.timing[0].ms = 1.5;
    r.timing[1].stage = "total";
    r.timing[1].ms = 2.5;
    return r;
}

static json_t *parse(const char *text)
{
    json_error_t error;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!root) {
        ALM_FAIL("%s: %s", error.text, text);
    }
    return root;
}

static void check_keys(const json_t *object, const char *expected)
{
    char keys[512] = "";
    size_t n = 0;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        n += (size_t)snprintf(keys + n, sizeof keys - n, "%s ", key);
    }
    if (strcmp(keys, expected) != 0) {
        ALM_FAIL("keys are \"%s\", expected \"%s\"", keys, expected);
    }
}

/* Every number of a list of lists, in order, bit for bit. */
static void check_numbers(const json_t *value, const double *expected, int *at)
{
    size_t i;
    json_t *item;
    if (json_is_real(value)) {
        const double got = json_real_value(value);
        if (memcmp(&got, &expected[*at], sizeof got) != 0) {
            ALM_FAIL("number %d reads back as %.17g, expected %.17g", *at, got, expected[*at]);
        }
        *at += 1;
        return;
    }
    ALM_CHECK(json_is_array(value));
    json_array_foreach(value, i, item)
    {
        check_numbers(item, expected, at);
    }
}

static void check_list(const json_t *root, const char *key, const double *expected, int count)
{
    int at = 0;
    check_numbers(json_object_get(root, key), expected, &at);
    ALM_CHECK_INT(at, count);
}

static void check_named(const json_t *root, const char *letters, const double *expected)
{
    for (size_t i = 0; letters[i]; i++) {
        const char key[2] = {letters[i], '\0'};
        const double got = json_real_value(json_object_get(root, key));
        ALM_CHECK(memcmp(&got, &expected[i], sizeof got) == 0);
    }
    ALM_CHECK_INT(json_object_size(root), strlen(letters));
}

static void check_text(const json_t *root, const char *key, const char *expected)
{
    const char *got = json_string_value(json_object_get(root, key));
    if (!got || strcmp(got, expected) != 0) {
        ALM_FAIL("%s is %s, expected %s", key, got ? got : "no text", expected);
    }
}

ALM_TEST(result, line)
{
    const alm_result r = make_result();
    const alm_sample sample = {.id = "a \"b\"\n\x01 \xc3\xa9", .units = ALM_UNITS_MM};
    char *text;
    ALM_REQUIRE_OK(alm_result_json(&engine, &sample, &r, &text));
    ALM_CHECK(!strchr(text, '\n'));
    json_t *root = parse(text);
    alm_text_free(text);
    check_keys(root,
               "id ok pose units matrix convention frame_id child_frame_id center_subtracted raw "
               "sampling warnings timings_ms model engine ");
    check_text(root, "id", sample.id);
    ALM_CHECK(json_is_true(json_object_get(root, "ok")));
    const json_t *pose = json_object_get(root, "pose");
    check_keys(pose, "position orientation ");
    check_named(json_object_get(pose, "position"), "xyz", r.position);
    check_named(json_object_get(pose, "orientation"), "xyzw", r.orientation);
    check_text(root, "units", "m");
    ALM_CHECK_INT(json_array_size(json_object_get(root, "matrix")), 4);
    check_list(root, "matrix", r.matrix, 16);
    ALM_CHECK_TEXT(json_string_value(json_object_get(root, "convention")), "(mm)");
    check_text(root, "frame_id", "fixed");
    check_text(root, "child_frame_id", "moving");
    check_list(root, "center_subtracted", r.center_subtracted, 3);
    const json_t *raw = json_object_get(root, "raw");
    check_keys(raw, "translation rotation_6d rotation_matrix ");
    check_list(raw, "translation", r.raw_translation, 3);
    check_list(raw, "rotation_6d", r.raw_rotation_6d, 6);
    check_list(raw, "rotation_matrix", r.raw_rotation_matrix, 9);
    const json_t *sampling = json_object_get(root, "sampling");
    check_keys(sampling, "method n_in n_used ");
    ALM_CHECK_INT(json_integer_value(json_object_get(json_object_get(sampling, "n_in"), "fixed")),
                  1000);
    check_text(json_object_get(root, "model"), "name", "model");
    check_keys(json_object_get(root, "engine"), "version commit device dtype ");
    check_keys(json_object_get(root, "timings_ms"), "read total ");
    ALM_CHECK_INT(json_array_size(json_object_get(root, "warnings")), 1);
    json_decref(root);
}

ALM_TEST(result, units_and_ids)
{
    const alm_result r = make_result();
    char *text;
    const alm_sample plain = {.units = ALM_UNITS_UNIT};
    ALM_REQUIRE_OK(alm_result_json(&engine, &plain, &r, &text));
    ALM_CHECK_TEXT(text, "\"id\": null");
    ALM_CHECK_TEXT(text, "\"units\": \"unit\"");
    alm_text_free(text);
    const alm_sample broken = {.id = "\xff"};
    ALM_CHECK_STATUS(alm_result_json(&engine, &broken, &r, &text), ALM_STATUS_SAMPLE);
    ALM_CHECK_TEXT(alm_error_message(), "UTF-8");
}

ALM_TEST(result, not_finite_is_null)
{
    alm_result r = make_result();
    char *text;
    const alm_sample plain = {.id = "x"};
    r.position[1] = (double)NAN;
    r.matrix[3] = (double)INFINITY;
    ALM_REQUIRE_OK(alm_result_json(&engine, &plain, &r, &text));
    ALM_CHECK_TEXT(text, "\"y\": null");
    alm_text_free(text);
}

ALM_TEST(result, failure)
{
    char *text;
    alm_fail_param(alm_fail(ALM_STATUS_SAMPLE, "fixed: \"x\" \\ is \x1b bad \xff"), "fixed");
    ALM_REQUIRE_OK(alm_failure_json("id 7", ALM_STATUS_SAMPLE, &text));
    json_t *root = parse(text);
    alm_text_free(text);
    check_keys(root, "id ok error ");
    check_text(root, "id", "id 7");
    ALM_CHECK(json_is_false(json_object_get(root, "ok")));
    const json_t *error = json_object_get(root, "error");
    check_keys(error, "code message param ");
    check_text(error, "code", "invalid_sample");
    check_text(error, "param", "fixed");
    check_text(error, "message", "fixed: \"x\" \\ is ? bad ?");
    json_decref(root);

    alm_fail(ALM_STATUS_MEMORY, "out of memory");
    ALM_REQUIRE_OK(alm_failure_json("\xff", ALM_STATUS_MEMORY, &text));
    ALM_CHECK_TEXT(text, "\"id\": null");
    ALM_CHECK_TEXT(text, "\"param\": null");
    ALM_CHECK_TEXT(text, "\"out_of_memory\"");
    alm_text_free(text);
    alm_text_free(NULL);
}

/* A message that alm_fail cuts short is still a text. */
ALM_TEST(result, long_message)
{
    char long_name[3000], *text;
    for (size_t i = 0; i + 2 < sizeof long_name; i += 2) {
        memcpy(long_name + i, "\xc3\xa9", 3);
    }
    alm_fail(ALM_STATUS_SAMPLE, "x%s", long_name);
    ALM_REQUIRE_OK(alm_failure_json(NULL, ALM_STATUS_SAMPLE, &text));
    json_t *root = parse(text);
    alm_text_free(text);
    json_decref(root);
}
