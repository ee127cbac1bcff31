/* An AssemBench file from the outside: its splits, and what a read of every sample finds. */
#include "runtime/inspect_data.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/input/utf8.h"
#include "runtime/output/result.h"

enum {
    AHEAD = 16,   /* requests: the child reads while this side counts */
    LISTED = 1000 /* names and bad samples that are named; the counts are of all */
};

enum { TRAIN, TEST, SPLITS };

static const char *const split_names[SPLITS] = {"train", "test"};

/* ---- JSON that may lack memory */

void almi_report_put(almi_report *r, json_t *object, const char *key, json_t *value)
{
    if (!value || json_object_set_new(object, key, value) != 0) { /* releases the value */
        r->failed = true;
    }
}

void almi_report_add(almi_report *r, json_t *list, json_t *value)
{
    if (!value || json_array_append_new(list, value) != 0) {
        r->failed = true;
    }
}

void almi_report_count(almi_report *r, json_t *object, const char *key, int64_t count)
{
    almi_report_put(r, object, key, json_integer(count));
}

void almi_report_text(almi_report *r, json_t *object, const char *key, const char *text)
{
    const size_t bytes = strlen(text);
    const bool is_text = alm_utf8_check(text, bytes) == bytes;
    almi_report_put(r, object, key, is_text ? json_string(text) : json_null());
}

const char *almi_message_of(const char *path)
{
    const char *text = alm_error_message();
    const size_t bytes = strlen(path);
    return strncmp(text, path, bytes) == 0 && strncmp(text + bytes, ": ", 2) == 0 ? text + bytes + 2
                                                                                  : text;
}

/* ---- Counting */

/* Numbers, one a sample; how often each occurs is counted at the end. */
typedef struct tally {
    int64_t *value;
    size_t count, capacity;
} tally;

static alm_status tally_add(tally *t, int64_t value)
{
    ALM_TRY(alm_reserve(t->count + 1, sizeof *t->value, "a count", &t->value, &t->capacity));
    t->value[t->count++] = value;
    return ALM_OK;
}

static int compare_numbers(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* "points": how many; a page's value is its width times PAGE_UNIT plus its height. */
#define PAGE_UNIT (INT64_C(1) << 32)

static json_t *tally_list(almi_report *r, tally *t, bool are_pages)
{
    json_t *list = json_array();
    if (t->count > 0) {
        qsort(t->value, t->count, sizeof *t->value, compare_numbers);
    }
    for (size_t i = 0, next; i < t->count && list; i = next) {
        const int64_t value = t->value[i];
        for (next = i; next < t->count && t->value[next] == value; next++) {
        }
        json_t *entry = json_object();
        if (are_pages) {
            almi_report_count(r, entry, "width", value / PAGE_UNIT);
            almi_report_count(r, entry, "height", value % PAGE_UNIT);
            almi_report_count(r, entry, "pages", (int64_t)(next - i));
        } else {
            almi_report_count(r, entry, "points", value);
            almi_report_count(r, entry, "samples", (int64_t)(next - i));
        }
        almi_report_add(r, list, entry);
    }
    return list;
}

typedef struct survey {
    const char *path;
    const alm_data_options *options;
    alm_dataset *dataset;
    almi_report report;
    json_t *bad_samples;        /* of the first LISTED */
    json_t *categories[SPLITS]; /* name to samples */
    tally moving, fixed, pages;
    int64_t bad[SPLITS], done, total;
} survey;

static void count_category(survey *s, int split, const char *category)
{
    const json_t *known = json_object_get(s->categories[split], category);
    almi_report_count(&s->report, s->categories[split], category, json_integer_value(known) + 1);
}

static alm_status count_asset(survey *s, int split, const alm_asset *asset)
{
    count_category(s, split, asset->category);
    for (int k = 0; k < 2; k++) {
        ALM_TRY(tally_add(&s->pages, asset->page[k].width * PAGE_UNIT + asset->page[k].height));
    }
    ALM_TRY(tally_add(&s->moving, asset->moving_points));
    return tally_add(&s->fixed, asset->fixed_points);
}

static void note_bad(survey *s, int split, int64_t idx, const char *key)
{
    s->bad[split]++;
    if (json_array_size(s->bad_samples) < LISTED) {
        json_t *entry = json_object();
        almi_report_text(&s->report, entry, "split", split_names[split]);
        almi_report_count(&s->report, entry, "idx", idx);
        almi_report_text(&s->report, entry, "asset", key);
        almi_report_text(&s->report, entry, "error", almi_message_of(s->path));
        almi_report_add(&s->report, s->bad_samples, entry);
    }
}

/* Every sample of a split, with its number there. */
static alm_status read_samples(survey *s, int split, const alm_names *keys)
{
    alm_asset asset = {0};
    alm_status status = ALM_OK;
    int64_t asked = 0;
    for (int64_t i = 0; i < keys->count && status == ALM_OK; i++) {
        for (; asked < keys->count && asked < i + AHEAD && status == ALM_OK; asked++) {
            status = alm_dataset_request(s->dataset, alm_names_at(keys, asked),
                                         ALM_ASSET_CLOUDS | ALM_ASSET_PAGES | ALM_ASSET_CATEGORY);
        }
        if (status != ALM_OK) {
            break;
        }
        status = alm_dataset_receive(s->dataset, &asset);
        if (status == ALM_OK) {
            status = count_asset(s, split, &asset);
        } else if (status == ALM_STATUS_SAMPLE) {
            note_bad(s, split, i, alm_names_at(keys, i));
            status = ALM_OK;
        }
        s->done++;
        if (s->options->progress) {
            s->options->progress(s->options->progress_context, s->done, s->total,
                                 s->bad[TRAIN] + s->bad[TEST]);
        }
    }
    alm_asset_free(&asset);
    return status;
}

/* ---- The report */

static json_t *name_list(almi_report *r, const alm_names *names)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < names->count && i < LISTED; i++) {
        almi_report_add(r, list, json_string(alm_names_at(names, i)));
    }
    return list;
}

static json_t *split_object(survey *s, int split, const alm_dataset_split *found)
{
    almi_report *r = &s->report;
    json_t *o = json_object();
    almi_report_count(r, o, "listed", found->listed);
    almi_report_count(r, o, "samples", found->count);
    almi_report_count(r, o, "missing", found->missing);
    almi_report_count(r, o, "abandoned", found->abandoned);
    almi_report_count(r, o, "bad", s->bad[split]);
    almi_report_put(r, o, "missing_names", name_list(r, &found->missing_names));
    almi_report_put(r, o, "abandoned_names", name_list(r, &found->abandoned_names));
    return o;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Of both splits, by name. */
static alm_status category_list(survey *s, json_t **out)
{
    almi_report *r = &s->report;
    json_t *list = json_array();
    const char **names, *name, *before = NULL;
    size_t count = 0;
    json_t *value;
    const size_t most =
        json_object_size(s->categories[TRAIN]) + json_object_size(s->categories[TEST]);
    const alm_status status = alm_alloc(most, sizeof *names, "categories", &names);
    if (status != ALM_OK) {
        json_decref(list);
        return status;
    }
    for (int split = 0; split < SPLITS; split++) {
        json_object_foreach(s->categories[split], name, value)
        {
            names[count++] = name;
        }
    }
    if (count > 0) {
        qsort(names, count, sizeof *names, compare_texts);
    }
    for (size_t i = 0; i < count; before = names[i++]) {
        if (before && strcmp(before, names[i]) == 0) {
            continue;
        }
        json_t *entry = json_object();
        almi_report_text(r, entry, "category", names[i]);
        for (int split = 0; split < SPLITS; split++) {
            const json_t *known = json_object_get(s->categories[split], names[i]);
            almi_report_count(r, entry, split_names[split], json_integer_value(known));
        }
        almi_report_add(r, list, entry);
    }
    alm_free(names);
    *out = list;
    return ALM_OK;
}

static alm_status make_report(survey *s, const alm_dataset_split *found, json_t *root)
{
    almi_report *r = &s->report;
    const alm_dataset_info *info = alm_dataset_about(s->dataset);
    json_t *categories;
    ALM_TRY(category_list(s, &categories));
    json_t *splits = json_object();
    almi_report_text(r, root, "file", s->path);
    almi_report_count(r, root, "objects", info->objects);
    almi_report_count(r, root, "samples", s->total);
    almi_report_count(r, root, "bad", s->bad[TRAIN] + s->bad[TEST]);
    almi_report_count(r, root, "abandon_list", info->abandon);
    for (int split = 0; split < SPLITS; split++) {
        almi_report_put(r, splits, split_names[split], split_object(s, split, &found[split]));
    }
    almi_report_put(r, root, "splits", splits);
    almi_report_put(r, root, "categories", categories);
    almi_report_put(r, root, "moving_points", tally_list(r, &s->moving, false));
    almi_report_put(r, root, "fixed_points", tally_list(r, &s->fixed, false));
    almi_report_put(r, root, "pages", tally_list(r, &s->pages, true));
    almi_report_put(r, root, "bad_samples", json_incref(s->bad_samples));
    return r->failed ? alm_fail(ALM_STATUS_MEMORY, "out of memory: the report") : ALM_OK;
}

static alm_status read_splits(survey *s, alm_dataset_split *found)
{
    for (int split = 0; split < SPLITS; split++) {
        ALM_TRY(alm_dataset_split_read(s->dataset, split_names[split], &found[split]));
        s->total += found[split].count;
    }
    for (int split = 0; split < SPLITS; split++) {
        ALM_TRY(read_samples(s, split, &found[split].keys));
    }
    return ALM_OK;
}

alm_status almi_survey_data(alm_dataset *dataset, const char *path, const alm_data_options *options,
                            int64_t *bad, json_t **out)
{
    alm_dataset_split found[SPLITS] = {{0}};
    survey s = {.path = path,
                .options = options,
                .dataset = dataset,
                .bad_samples = json_array(),
                .categories = {json_object(), json_object()}};
    json_t *root = json_object();
    alm_status status = root && s.bad_samples && s.categories[TRAIN] && s.categories[TEST]
                            ? read_splits(&s, found)
                            : alm_fail(ALM_STATUS_MEMORY, "out of memory: the report");
    if (status == ALM_OK) {
        status = make_report(&s, found, root);
    }
    for (int split = 0; split < SPLITS; split++) {
        json_decref(s.categories[split]);
        alm_dataset_split_free(&found[split]);
    }
    json_decref(s.bad_samples);
    alm_free(s.moving.value);
    alm_free(s.fixed.value);
    alm_free(s.pages.value);
    if (status != ALM_OK) {
        json_decref(root);
        return status;
    }
    *bad = s.bad[TRAIN] + s.bad[TEST];
    *out = root;
    return ALM_OK;
}

/* ---- */

/* Writes the report and releases it. */
static alm_status write_report(json_t *report, const alm_data_options *options, alm_write_fn *write,
                               void *context)
{
    alm_buffer text = {0};
    if (options->json) {
        char *json;
        ALM_TRY(alm_json_text(report, &json));
        alm_buffer_text(&text, json);
        alm_buffer_text(&text, "\n");
        alm_free(json);
    } else {
        (options->sample ? almi_sample_text : almi_data_text)(report, &text);
        json_decref(report);
    }
    alm_status status = text.status;
    if (status == ALM_OK && write(context, (const char *)text.data, text.count) != 0) {
        status = alm_fail(ALM_STATUS_OUTPUT, "the output could not be written");
    }
    alm_buffer_free(&text);
    return status;
}

alm_status alm_inspect_data(const char *path, const alm_data_options *options, alm_write_fn *write,
                            void *context)
{
    alm_dataset *dataset;
    json_t *report;
    int64_t bad = 0;
    alm_error_clear();
    ALM_TRY(alm_dataset_open(path, alm_dataset_is_lineart(path), NULL, &dataset));
    alm_status status = options->sample ? almi_survey_sample(dataset, path, options, &bad, &report)
                                        : almi_survey_data(dataset, path, options, &bad, &report);
    alm_dataset_close(dataset);
    if (status == ALM_OK) {
        status = write_report(report, options, write, context);
    }
    if (status == ALM_OK && bad > 0) {
        return alm_fail(ALM_STATUS_PARTIAL, "%s: samples that cannot be read: %lld", path,
                        (long long)bad);
    }
    return status;
}
