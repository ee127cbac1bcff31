/* One sample of an AssemBench file: where it is listed, its parts, its picture. Each part is read
 * by itself, so that a bad one does not hide the others. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/inspect_data.h"
#include "runtime/output/overwrite.h"
#include "runtime/output/picture_asset.h"

typedef struct sample {
    alm_dataset *dataset;
    const char *path;
    char *key;
    almi_report report;
    json_t *root, *errors;
    alm_asset asset;
} sample;

/* ---- Where it is listed */

static void list_places(sample *s, const char *split, const alm_dataset_split *found,
                        const char *name, json_t *places, json_t *abandoned)
{
    for (int64_t i = 0; i < found->keys.count; i++) {
        if (strcmp(alm_names_at(&found->keys, i), s->key) == 0) {
            json_t *place = json_object();
            almi_report_text(&s->report, place, "split", split);
            almi_report_count(&s->report, place, "idx", i);
            almi_report_add(&s->report, places, place);
        }
    }
    for (int64_t i = 0; i < found->abandoned; i++) {
        const char *given = alm_names_at(&found->abandoned_names, i);
        if (strcmp(given, name) == 0 || strcmp(given, s->key) == 0) {
            almi_report_add(&s->report, abandoned, json_string(split));
        }
    }
}

static alm_status find_places(sample *s, const char *name)
{
    static const char *const splits[] = {"train", "test"};
    json_t *places = json_array(), *abandoned = json_array();
    alm_status status = ALM_OK;
    for (int i = 0; i < 2 && status == ALM_OK; i++) {
        alm_dataset_split found;
        status = alm_dataset_split_read(s->dataset, splits[i], &found);
        if (status == ALM_OK) {
            list_places(s, splits[i], &found, name, places, abandoned);
            alm_dataset_split_free(&found);
        }
    }
    almi_report_put(&s->report, s->root, "listed", places);
    almi_report_put(&s->report, s->root, "abandoned_in", abandoned);
    return status;
}

/* ---- Parts */

static json_t *three(almi_report *r, const double value[3])
{
    json_t *list = json_array();
    for (int c = 0; c < 3; c++) {
        almi_report_add(r, list, json_real(value[c]));
    }
    return list;
}

static json_t *cloud_object(almi_report *r, const float *xyz, int64_t points)
{
    double low[3], high[3], mean[3] = {0, 0, 0};
    for (int c = 0; c < 3; c++) {
        low[c] = high[c] = (double)xyz[c];
        for (int64_t i = 0; i < points; i++) {
            const double v = (double)xyz[3 * i + c];
            low[c] = fmin(low[c], v);
            high[c] = fmax(high[c], v);
            mean[c] += v / (double)points;
        }
    }
    json_t *o = json_object();
    almi_report_count(r, o, "points", points);
    almi_report_put(r, o, "min", three(r, low));
    almi_report_put(r, o, "max", three(r, high));
    almi_report_put(r, o, "mean", three(r, mean));
    return o;
}

static json_t *page_object(almi_report *r, const alm_image *page)
{
    json_t *o = json_object();
    almi_report_count(r, o, "width", page->width);
    almi_report_count(r, o, "height", page->height);
    return o;
}

/* Reads one part; *good: whether it is there. Its fault goes to the report. */
static alm_status read_part(sample *s, unsigned part, alm_asset *out, bool *good)
{
    const alm_status status = alm_dataset_read(s->dataset, s->key, part, out);
    *good = status == ALM_OK;
    if (status == ALM_STATUS_SAMPLE) {
        almi_report_add(&s->report, s->errors, json_string(almi_message_of(s->path)));
        return ALM_OK;
    }
    return status;
}

static alm_status read_parts(sample *s)
{
    almi_report *r = &s->report;
    alm_asset part = {0};
    bool good;
    alm_status status = read_part(s, ALM_ASSET_CATEGORY, &part, &good);
    if (status == ALM_OK && good) {
        almi_report_text(r, s->root, "category", part.category);
    }
    if (status == ALM_OK) {
        status = read_part(s, ALM_ASSET_PAGES, &part, &good);
    }
    if (status == ALM_OK && good) {
        json_t *pages = json_array();
        for (int k = 0; k < 2; k++) {
            almi_report_add(r, pages, page_object(r, &part.page[k]));
            s->asset.page[k] = part.page[k]; /* the picture's, from here on */
            part.page[k] = (alm_image){0};
        }
        almi_report_put(r, s->root, "pages", pages);
    }
    if (status == ALM_OK) {
        status = read_part(s, ALM_ASSET_CLOUDS, &part, &good);
    }
    if (status == ALM_OK && good) {
        almi_report_put(r, s->root, "moving", cloud_object(r, part.moving, part.moving_points));
        almi_report_put(r, s->root, "fixed", cloud_object(r, part.fixed, part.fixed_points));
        const alm_image page[2] = {s->asset.page[0], s->asset.page[1]};
        s->asset = part;
        s->asset.page[0] = page[0];
        s->asset.page[1] = page[1];
        part = (alm_asset){0};
    }
    alm_asset_free(&part);
    return status;
}

/* ---- */

static alm_status look(sample *s, const char *name, const alm_data_options *options)
{
    almi_report_text(&s->report, s->root, "file", s->path);
    almi_report_text(&s->report, s->root, "asset", s->key);
    ALM_TRY(find_places(s, name));
    ALM_TRY(read_parts(s));
    const bool is_empty = s->asset.moving_points == 0 && !s->asset.page[0].rgb;
    if (is_empty && json_array_size(s->errors) > 0) { /* its first fault says it best */
        return alm_fail(ALM_STATUS_SAMPLE, "%s: %s", s->path,
                        json_string_value(json_array_get(s->errors, 0)));
    }
    almi_report_put(&s->report, s->root, "errors", json_incref(s->errors));
    if (s->report.failed) {
        return alm_fail(ALM_STATUS_MEMORY, "out of memory: the report");
    }
    return options->render
               ? alm_picture_asset_write(&s->asset, s->key, options->render, options->force)
               : ALM_OK;
}

alm_status almi_survey_sample(alm_dataset *dataset, const char *path,
                              const alm_data_options *options, int64_t *bad, json_t **out)
{
    sample s = {.dataset = dataset, .path = path};
    if (options->render) { /* before the work */
        ALM_TRY(alm_output_check(options->render, options->force));
    }
    ALM_TRY(alm_strdup(options->sample, "a name", &s.key));
    for (char *c = s.key; *c; c++) {
        *c = *c == '/' ? '_' : *c;
    }
    s.root = json_object();
    s.errors = json_array();
    alm_status status = s.root && s.errors
                            ? look(&s, options->sample, options)
                            : alm_fail(ALM_STATUS_MEMORY, "out of memory: the report");
    *bad = status == ALM_OK && json_array_size(s.errors) > 0 ? 1 : 0;
    json_decref(s.errors);
    alm_asset_free(&s.asset);
    alm_free(s.key);
    if (status != ALM_OK) {
        json_decref(s.root);
        return status;
    }
    *out = s.root;
    return ALM_OK;
}
