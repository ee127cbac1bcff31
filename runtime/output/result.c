#include "runtime/output/result.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/engine.h"
#include "runtime/input/utf8.h"

/* Builds an object key by key; `failed` sticks, and the object is released once at the end. */
typedef struct object {
    json_t *root;
    bool failed;
} object;

static object begin(void)
{
    json_t *root = json_object();
    return (object){.root = root, .failed = root == NULL};
}

/* Takes the value over; NULL (no memory) fails the object. */
static void put(object *o, const char *key, json_t *value)
{
    if (o->failed) {
        json_decref(value);
    } else if (!value || json_object_set_new(o->root, key, value) != 0) {
        o->failed = true;
    }
}

static json_t *finish(object *o)
{
    if (o->failed) {
        json_decref(o->root);
        return NULL;
    }
    return o->root;
}

/* JSON has no word for what is not finite; a session gives no such result. */
static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static bool is_utf8(const char *text)
{
    return alm_utf8_check(text, strlen(text)) == strlen(text);
}

/* null for what JSON cannot hold. (json_string gives NULL for that and for no memory alike.) */
static json_t *text_or_null(const char *text)
{
    return text && is_utf8(text) ? json_string(text) : json_null();
}

static json_t *numbers(const double *value, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < count; i++) {
        if (json_array_append_new(list, number(value[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* [rows][columns], row-major. */
static json_t *rows(const double *value, size_t n_rows, size_t columns)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < n_rows; i++) {
        if (json_array_append_new(list, numbers(value + i * columns, columns)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* {"x": ..., "y": ...}, one letter a value. */
static json_t *named(const double *value, const char *letters)
{
    object o = begin();
    for (size_t i = 0; letters[i]; i++) {
        const char key[2] = {letters[i], '\0'};
        put(&o, key, number(value[i]));
    }
    return finish(&o);
}

alm_status alm_json_text(json_t *root, char **out)
{
    const size_t flags = JSON_REAL_PRECISION(17);
    const size_t bytes = root ? json_dumpb(root, NULL, 0, flags) : 0;
    char *text = NULL;
    alm_status status = bytes ? alm_alloc(bytes + 1, 1, "JSON text", &text)
                              : alm_fail(ALM_STATUS_MEMORY, "out of memory: JSON text");
    if (status == ALM_OK && json_dumpb(root, text, bytes, flags) != bytes) {
        status = alm_fail(ALM_STATUS_MEMORY, "out of memory: JSON text");
    }
    json_decref(root);
    if (status != ALM_OK) {
        alm_free(text);
        return status;
    }
    text[bytes] = '\0';
    *out = text;
    return ALM_OK;
}

void alm_text_free(char *text)
{
    alm_free(text);
}

/* ---- A result ---- */

static json_t *pose_object(const alm_result *r)
{
    object o = begin();
    put(&o, "position", named(r->position, "xyz"));
    put(&o, "orientation", named(r->orientation, "xyzw"));
    return finish(&o);
}

static json_t *raw_object(const alm_result *r)
{
    object o = begin();
    put(&o, "translation", numbers(r->raw_translation, 3));
    put(&o, "rotation_6d", numbers(r->raw_rotation_6d, 6));
    put(&o, "rotation_matrix", rows(r->raw_rotation_matrix, 3, 3));
    return finish(&o);
}

static json_t *sampling_object(const alm_result *r)
{
    object in = begin(), o = begin();
    put(&in, "fixed", json_integer(r->fixed_points));
    put(&in, "moving", json_integer(r->moving_points));
    put(&o, "method", json_string("linspace"));
    put(&o, "n_in", finish(&in));
    put(&o, "n_used", json_integer(r->points_used));
    return finish(&o);
}

static json_t *warning_list(const alm_result *r)
{
    json_t *list = json_array();
    for (int i = 0; list && i < r->warning_count; i++) {
        if (json_array_append_new(list, json_string(r->warning[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *timing_object(const alm_result *r)
{
    object o = begin();
    for (int i = 0; i < r->timing_count; i++) {
        put(&o, r->timing[i].stage, number(r->timing[i].ms));
    }
    return finish(&o);
}

/* sha256 is null: hashing 4 GB takes longer than loading them, which maps the file. */
static json_t *model_object(const alm_engine *engine)
{
    object o = begin();
    put(&o, "name", text_or_null(alm_engine_model_name(engine))); /* a folder may have any name */
    put(&o, "sha256", json_null());
    return finish(&o);
}

static json_t *engine_object(const alm_engine *engine)
{
    object o = begin();
    put(&o, "version", json_string(alm_version()));
    put(&o, "commit", json_string(alm_version_commit()));
    put(&o, "device", json_string(alm_engine_device_name(engine)));
    put(&o, "dtype", json_string(alm_engine_dtype_name(engine)));
    return finish(&o);
}

static const char *unit_name(alm_units units)
{
    switch (units) {
    case ALM_UNITS_M: return "m";
    case ALM_UNITS_CM: return "cm";
    case ALM_UNITS_MM: return "mm";
    case ALM_UNITS_UNIT: return "unit";
    }
    return "unit";
}

alm_status alm_result_json(const alm_engine *engine, const alm_sample *sample,
                           const alm_result *result, char **out)
{
    char convention[192];
    if (sample->id && !is_utf8(sample->id)) {
        return alm_fail_param(alm_fail(ALM_STATUS_SAMPLE, "id: is not UTF-8"), "id");
    }
    snprintf(convention, sizeof convention,
             "p_fixed = R*p_moving + t, for the moving cloud as given; matrix and "
             "center_subtracted in the clouds' unit (%s), pose in units",
             unit_name(sample->units));
    object o = begin();
    put(&o, "id", text_or_null(sample->id));
    put(&o, "ok", json_true());
    put(&o, "pose", pose_object(result));
    put(&o, "units", json_string(sample->units == ALM_UNITS_UNIT ? "unit" : "m"));
    put(&o, "matrix", rows(result->matrix, 4, 4));
    put(&o, "convention", json_string(convention));
    put(&o, "frame_id", json_string("fixed"));
    put(&o, "child_frame_id", json_string("moving"));
    put(&o, "center_subtracted", numbers(result->center_subtracted, 3));
    put(&o, "raw", raw_object(result));
    put(&o, "sampling", sampling_object(result));
    put(&o, "warnings", warning_list(result));
    put(&o, "timings_ms", timing_object(result));
    put(&o, "model", model_object(engine));
    put(&o, "engine", engine_object(engine));
    return alm_json_text(finish(&o), out);
}

/* ---- Failures ---- */

json_t *alm_error_object(alm_status status)
{
    object o = begin();
    const char *param = alm_error_param();
    put(&o, "code", json_string(alm_status_name(status)));
    put(&o, "message", text_or_null(alm_error_message())); /* alm_fail keeps to UTF-8 */
    put(&o, "param", param[0] ? json_string(param) : json_null());
    return finish(&o);
}

alm_status alm_error_json(alm_status status, char **out)
{
    object o = begin();
    put(&o, "error", alm_error_object(status));
    return alm_json_text(finish(&o), out);
}

alm_status alm_failure_json(const char *id, alm_status status, char **out)
{
    object o = begin();
    put(&o, "id", text_or_null(id)); /* one that is not UTF-8 cannot be repeated */
    put(&o, "ok", json_false());
    put(&o, "error", alm_error_object(status));
    return alm_json_text(finish(&o), out);
}
