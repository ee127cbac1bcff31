/* Reads eval_results.json (results_read.h): the file and its head. Rows are in results_rows.c. */
#include "runtime/eval/results_read.h"

#include <stdio.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/eval/results_parts.h"

/* 2^53: beyond it, programs that keep numbers as doubles lose count. */
static const int64_t MOST_SAMPLES = INT64_C(1) << 53;
static const int64_t MOST_SEED = (INT64_C(1) << 32) - 1;

alm_status alm_results_refusal(alm_status status)
{
    return status == ALM_STATUS_MODEL || status == ALM_STATUS_SAMPLE ? ALM_STATUS_USAGE : status;
}

int almi_key_find(const char *const *names, int count, const char *key, int guess)
{
    for (int i = 0; i < count; i++) {
        const int at = (guess + i) % count;
        if (strcmp(names[at], key) == 0) {
            return at;
        }
    }
    return -1;
}

alm_status almi_key_once(const alm_json *json, unsigned *seen, int index)
{
    if (*seen >> index & 1) {
        return alm_json_fail(json, "the key \"%.80s\" is there twice", json->text);
    }
    *seen |= 1u << index;
    return ALM_OK;
}

/* A text, or null where that may be. */
static alm_status read_text(alm_json *json, const char *what, bool nullable, char **out)
{
    const char next = alm_json_peek(json);
    if (next == 'n' && nullable) {
        return alm_json_skip(json);
    }
    if (next != '"') {
        return alm_json_fail(json, "%s is no text, expected one%s", what,
                             nullable ? " or null" : "");
    }
    ALM_TRY(alm_json_string(json));
    return alm_strdup(json->text, what, out);
}

alm_status almi_json_finite(alm_json *json, const char *what)
{
    const char next = alm_json_peek(json);
    bool more;
    switch (next) {
    case '{':
    case '[':
        ALM_TRY(alm_json_open(json, next));
        for (;;) {
            ALM_TRY(next == '{' ? alm_json_key(json, &more) : alm_json_item(json, &more));
            if (!more) {
                return ALM_OK;
            }
            ALM_TRY(almi_json_finite(json, what));
        }
    case '"':
    case 't':
    case 'f':
    case 'n': return alm_json_skip(json);
    default: return alm_json_finite(json, what);
    }
}

/* ---- The summary ---- */

enum { KEY_POSE_LOSS = ALM_COUNTS, KEY_MEANS, SUMMARY_KEYS = KEY_MEANS + ALM_METRICS };

static alm_status read_summary_value(alm_json *json, int key, const char *what, alm_results *r)
{
    if (key < ALM_COUNTS) {
        return alm_json_whole(json, what, 0, MOST_SAMPLES, &r->count[key]);
    }
    if (key == KEY_POSE_LOSS) {
        r->has_pose_loss = true;
        return alm_json_real(json, what, &r->pose_loss);
    }
    r->has_mean[key - KEY_MEANS] = true;
    return alm_json_real(json, what, &r->mean[key - KEY_MEANS]);
}

static const char *summary_key(int key)
{
    return key < ALM_COUNTS       ? alm_count_names[key]
           : key == KEY_POSE_LOSS ? "Avg Pose Loss"
                                  : alm_mean_names[key - KEY_MEANS];
}

static alm_status read_summary(alm_json *json, alm_results *r)
{
    unsigned seen = 0;
    bool more;
    ALM_TRY(alm_json_open(json, '{'));
    for (;;) {
        char what[64];
        int key = 0;
        ALM_TRY(alm_json_key(json, &more));
        if (!more) {
            break;
        }
        while (key < SUMMARY_KEYS && strcmp(summary_key(key), json->text) != 0) {
            key++;
        }
        snprintf(what, sizeof what, "summary.%.40s", json->text);
        if (key == SUMMARY_KEYS) {
            ALM_TRY(almi_json_finite(json, what));
            continue;
        }
        ALM_TRY(almi_key_once(json, &seen, key));
        ALM_TRY(read_summary_value(json, key, what, r));
    }
    for (int i = 0; i < ALM_COUNTS; i++) {
        if (!(seen >> i & 1)) {
            return alm_json_fail(json, "summary.%s is missing, expected a count",
                                 alm_count_names[i]);
        }
    }
    return ALM_OK;
}

/* ---- The file ---- */

enum {
    KEY_SUMMARY,
    KEY_CATEGORIES,
    KEY_DATASET,
    KEY_SPLIT,
    KEY_TIMESTAMP,
    KEY_SEED,
    KEY_CKPT,
    KEY_DETAILS,
    HEAD_KEYS
};
static const char *const head_names[HEAD_KEYS] = {"summary",   "per_category",  "dataset_name",
                                                  "split",     "run_timestamp", "seed",
                                                  "ckpt_path", "details"};

static alm_status read_span(alm_json *json, int key, alm_results *r)
{
    alm_results_span *span = key == KEY_SUMMARY ? &r->summary : &r->per_category;
    if (alm_json_peek(json) != '{') {
        return alm_json_fail(json, "%s is no object", head_names[key]);
    }
    span->text = json->at;
    ALM_TRY(key == KEY_SUMMARY ? read_summary(json, r) : almi_json_finite(json, "per_category"));
    span->bytes = (size_t)(json->at - span->text);
    return ALM_OK;
}

static alm_status read_member(alm_json *json, int key, const alm_results_visit *visit,
                              alm_results *r)
{
    switch (key) {
    case KEY_SUMMARY:
    case KEY_CATEGORIES: return read_span(json, key, r);
    case KEY_DATASET: return read_text(json, "dataset_name", true, &r->dataset);
    case KEY_SPLIT: return read_text(json, "split", false, &r->split);
    case KEY_TIMESTAMP: return read_text(json, "run_timestamp", false, &r->run_timestamp);
    case KEY_SEED: return alm_json_whole(json, "seed", 0, MOST_SEED, &r->seed);
    case KEY_CKPT: return read_text(json, "ckpt_path", true, &r->ckpt_path);
    default: return almi_results_rows(json, visit, r);
    }
}

static alm_status read_members(alm_json *json, const alm_results_visit *visit, alm_results *r)
{
    unsigned seen = 0;
    int key = -1;
    bool more;
    if (alm_json_peek(json) != '{') {
        return alm_json_fail(json, "the file holds no JSON object");
    }
    ALM_TRY(alm_json_open(json, '{'));
    for (;;) {
        ALM_TRY(alm_json_key(json, &more));
        if (!more) {
            break;
        }
        const int known = almi_key_find(head_names, HEAD_KEYS, json->text, key + 1);
        if (known < 0) {
            ALM_TRY(alm_json_skip(json));
            continue;
        }
        key = known;
        ALM_TRY(almi_key_once(json, &seen, key));
        ALM_TRY(read_member(json, key, visit, r));
    }
    for (int i = 0; i < HEAD_KEYS; i++) {
        if (!(seen >> i & 1) && i != KEY_DATASET) { /* as good as null */
            return alm_json_fail(json, "%s is missing", head_names[i]);
        }
    }
    return alm_json_end(json);
}

static alm_status check_count(const alm_results *r, alm_count which, int64_t rows, const char *kind)
{
    if (r->count[which] == rows) {
        return ALM_OK;
    }
    return alm_fail(ALM_STATUS_USAGE, "%s: summary.%s is %lld, expected %lld, the number of %s",
                    r->path, alm_count_names[which], (long long)r->count[which], (long long)rows,
                    kind);
}

static alm_status read_all(alm_json *json, const alm_results_visit *visit, alm_results *r)
{
    ALM_TRY(read_members(json, visit, r));
    ALM_TRY(check_count(r, ALM_COUNT_EVALUATED, r->rows.rows, "rows in details"));
    ALM_TRY(check_count(r, ALM_COUNT_VALID, r->rows.valid, "valid rows in details"));
    return check_count(r, ALM_COUNT_INVALID, r->rows.rows - r->rows.valid,
                       "invalid rows in details");
}

static alm_status open_text(const char *name, const char *text, size_t bytes,
                            const alm_results_visit *visit, alm_results *r)
{
    alm_json json;
    r->path = name;
    alm_json_begin(&json, name, text, bytes);
    const alm_status status = alm_results_refusal(read_all(&json, visit, r));
    alm_json_close(&json);
    return status;
}

alm_status alm_results_open_text(const char *name, const char *text, size_t bytes,
                                 const alm_results_visit *visit, alm_results *out)
{
    alm_results r = {.path = name};
    const alm_status status = open_text(name, text, bytes, visit, &r);
    if (status != ALM_OK) {
        alm_results_close(&r);
        return status;
    }
    *out = r;
    return ALM_OK;
}

alm_status alm_results_open(const char *path, const alm_results_visit *visit, alm_results *out)
{
    alm_results r = {.path = path};
    alm_status status = alm_results_refusal(alm_file_map_open(path, &r.map));
    if (status == ALM_OK) {
        status = open_text(path, (const char *)r.map.data, r.map.bytes, visit, &r);
    }
    if (status != ALM_OK) {
        alm_results_close(&r);
        return status;
    }
    alm_file_map_forget(&r.map, r.map.bytes);
    *out = r;
    return ALM_OK;
}

void alm_results_close(alm_results *r)
{
    alm_free(r->dataset);
    alm_free(r->split);
    alm_free(r->run_timestamp);
    alm_free(r->ckpt_path);
    alm_file_map_close(&r->map);
    *r = (alm_results){0};
}

/* ---- Whether it is the right one ---- */

static const char *shown(const char *text)
{
    return text ? text : "null";
}

static alm_status check_text(const alm_results *r, const char *key, const char *value,
                             const char *expected)
{
    if (value && strcmp(value, expected) == 0) {
        return ALM_OK;
    }
    return alm_fail(ALM_STATUS_USAGE, "%s: %s is %.200s, expected %.200s", r->path, key,
                    shown(value), expected);
}

alm_status alm_results_check(const alm_results *r, const alm_results_expect *expect)
{
    if (expect->dataset && r->dataset) {
        ALM_TRY(check_text(r, "dataset_name", r->dataset, expect->dataset));
    }
    if (expect->split) {
        ALM_TRY(check_text(r, "split", r->split, expect->split));
    }
    if (expect->ckpt_path) {
        ALM_TRY(check_text(r, "ckpt_path", r->ckpt_path, expect->ckpt_path));
    }
    if (expect->seed >= 0 && r->seed != expect->seed) {
        return alm_fail(ALM_STATUS_USAGE, "%s: seed is %lld, expected %lld", r->path,
                        (long long)r->seed, (long long)expect->seed);
    }
    return ALM_OK;
}
