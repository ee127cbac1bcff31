/* The rows of an eval_results.json (results_read.h), one at a time. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/eval/results_parts.h"

/* Memory of a file is given back so often. */
enum { FORGET_BYTES = 1 << 20 };

enum {
    KEY_IDX,
    KEY_ASSET,
    KEY_CATEGORY,
    KEY_POSE_LOSS,
    KEY_VALID,
    KEY_TRUE_T,
    KEY_TRUE_R,
    KEY_PRED_T,
    KEY_PRED_R,
    KEY_METRICS,
    KEY_ERROR = KEY_METRICS + ALM_METRICS,
    ROW_KEYS
};
static const char *const row_names[ROW_KEYS] = {
    "idx",    "asset",    "category",  "pose_loss", "valid",   "true_T",
    "true_R", "pred_T",   "pred_R",    "GD",        "RMSE(T)", "CD",
    "CD(R)",  "PA(0.01)", "PA(0.008)", "PA(0.005)", "error"};

typedef struct reader {
    alm_json *json;
    int64_t number; /* of the row, for messages */
    bool poses;
    unsigned seen;
    alm_results_row row;
    alm_buffer asset, category, error; /* used again by every row */
    char name[64];                     /* "details[3]." and room for a key */
    size_t prefix;                     /* bytes of it before the key */
} reader;

/* "details[3].CD", until the next call. It is asked for with every value, so it is quick. */
static const char *name_of(reader *r, int key)
{
    memcpy(r->name + r->prefix, row_names[key], strlen(row_names[key]) + 1);
    return r->name;
}

static alm_status read_text(reader *r, int key, alm_buffer *to)
{
    const char next = alm_json_peek(r->json);
    if (next == 'n' && key == KEY_ERROR) {
        r->seen &= ~(1u << key);
        return alm_json_skip(r->json);
    }
    if (next != '"') {
        return alm_json_fail(r->json, "%s is no text", name_of(r, key));
    }
    ALM_TRY(alm_json_string(r->json));
    to->count = 0;
    alm_buffer_add(to, r->json->text, r->json->bytes + 1);
    return to->status;
}

/* A list of `count` numbers, or null; *there tells which. */
static alm_status read_list(reader *r, int key, int count, double *value, bool *there)
{
    bool more = true;
    *there = alm_json_peek(r->json) != 'n';
    if (!*there) {
        return alm_json_skip(r->json);
    }
    ALM_TRY(alm_json_open(r->json, '['));
    for (int i = 0; i < count && more; i++) {
        ALM_TRY(alm_json_item(r->json, &more));
        if (more) {
            ALM_TRY(alm_json_real(r->json, name_of(r, key), &value[i]));
        }
    }
    if (more) {
        ALM_TRY(alm_json_item(r->json, &more));
        if (!more) {
            return ALM_OK;
        }
    }
    return alm_json_fail(r->json, "%s is no list of %d numbers", name_of(r, key), count);
}

/* A list of three rows, or null. */
static alm_status read_rotation(reader *r, int key, double *value, bool *there)
{
    bool more, row_there;
    int rows = 0;
    *there = alm_json_peek(r->json) != 'n';
    if (!*there) {
        return alm_json_skip(r->json);
    }
    ALM_TRY(alm_json_open(r->json, '['));
    for (;; rows++) {
        ALM_TRY(alm_json_item(r->json, &more));
        if (!more || rows == 3) {
            break;
        }
        ALM_TRY(read_list(r, key, 3, value + 3 * rows, &row_there));
        if (!row_there) {
            break;
        }
    }
    if (more || rows != 3) {
        return alm_json_fail(r->json, "%s is no list of 3 rows of 3 numbers", name_of(r, key));
    }
    return ALM_OK;
}

static alm_status read_pose(reader *r, int key)
{
    alm_results_row *row = &r->row;
    bool there = false;
    switch (key) {
    case KEY_TRUE_T: return read_list(r, key, 3, row->true_t, &row->has_truth);
    case KEY_PRED_T: return read_list(r, key, 3, row->pred_t, &row->has_pose);
    case KEY_TRUE_R: ALM_TRY(read_rotation(r, key, row->true_r, &there)); break;
    default: ALM_TRY(read_rotation(r, key, row->pred_r, &there)); break;
    }
    /* A rotation comes with its translation; that the other way round is seen at the row's end. */
    r->seen |= there ? 1u << (ROW_KEYS + (key == KEY_TRUE_R ? 0 : 1)) : 0;
    return ALM_OK;
}

static alm_status read_member(reader *r, int key)
{
    alm_results_row *row = &r->row;
    switch (key) {
    case KEY_IDX: return alm_json_whole(r->json, name_of(r, key), 0, INT64_C(1) << 53, &row->idx);
    case KEY_ASSET: return read_text(r, key, &r->asset);
    case KEY_CATEGORY: return read_text(r, key, &r->category);
    case KEY_ERROR: return read_text(r, key, &r->error);
    case KEY_VALID: return alm_json_bool(r->json, name_of(r, key), &row->valid);
    case KEY_POSE_LOSS: return alm_json_real(r->json, name_of(r, key), &row->pose_loss);
    case KEY_TRUE_T:
    case KEY_TRUE_R:
    case KEY_PRED_T:
    case KEY_PRED_R:
        return r->poses ? read_pose(r, key) : almi_json_finite(r->json, name_of(r, key));
    default: return alm_json_real(r->json, name_of(r, key), &row->metric[key - KEY_METRICS]);
    }
}

static alm_status check_row(reader *r)
{
    alm_results_row *row = &r->row;
    for (int key = KEY_CATEGORY; key <= KEY_VALID; key++) {
        if (!(r->seen >> key & 1)) {
            return alm_json_fail(r->json, "%s is missing", name_of(r, key));
        }
    }
    for (int key = KEY_METRICS; key < KEY_ERROR && row->valid; key++) {
        if (!(r->seen >> key & 1)) {
            return alm_json_fail(r->json, "%s is missing, expected a number in a valid row",
                                 name_of(r, key));
        }
    }
    row->has_truth = row->has_truth && (r->seen >> ROW_KEYS & 1);
    row->has_pose = row->has_pose && (r->seen >> (ROW_KEYS + 1) & 1);
    if (r->poses && row->valid && !(row->has_truth && row->has_pose)) {
        return alm_json_fail(r->json, "details[%" PRId64 "]: a valid row lacks a pose", r->number);
    }
    row->category = (const char *)r->category.data;
    row->asset = r->seen >> KEY_ASSET & 1 ? (const char *)r->asset.data : "";
    row->error = r->seen >> KEY_ERROR & 1 ? (const char *)r->error.data : NULL;
    return ALM_OK;
}

static alm_status read_row(reader *r)
{
    bool more;
    int key = -1;
    r->row = (alm_results_row){.idx = -1};
    r->seen = 0;
    r->prefix = (size_t)snprintf(r->name, sizeof r->name, "details[%" PRId64 "].", r->number);
    if (alm_json_peek(r->json) != '{') {
        return alm_json_fail(r->json, "details[%" PRId64 "] is no object", r->number);
    }
    ALM_TRY(alm_json_open(r->json, '{'));
    for (;;) {
        ALM_TRY(alm_json_key(r->json, &more));
        if (!more) {
            return check_row(r);
        }
        const int known = almi_key_find(row_names, ROW_KEYS, r->json->text, key + 1);
        if (known < 0) {
            ALM_TRY(alm_json_skip(r->json));
            continue;
        }
        key = known;
        ALM_TRY(almi_key_once(r->json, &r->seen, key));
        ALM_TRY(read_member(r, key));
    }
}

static alm_status read_rows(reader *r, const alm_results_visit *visit, alm_results *results)
{
    const char *kept = r->json->begin;
    bool more;
    if (alm_json_peek(r->json) != '[') {
        return alm_json_fail(r->json, "details is no list");
    }
    ALM_TRY(alm_json_open(r->json, '['));
    for (;; r->number++) {
        ALM_TRY(alm_json_item(r->json, &more));
        if (!more) {
            return ALM_OK;
        }
        ALM_TRY(read_row(r));
        alm_means_add(&results->rows, r->row.valid ? r->row.metric : NULL, r->row.pose_loss);
        if (!alm_means_finite(&results->rows)) {
            return alm_json_fail(r->json, "details[%" PRId64 "]: a sum over the rows overflows",
                                 r->number);
        }
        if (visit && visit->row) {
            ALM_TRY(visit->row(visit->context, &r->row));
        }
        if (r->json->at - kept >= FORGET_BYTES) {
            alm_file_map_forget(&results->map, (size_t)(r->json->at - r->json->begin));
            kept = r->json->at;
        }
    }
}

alm_status almi_results_rows(alm_json *json, const alm_results_visit *visit, alm_results *results)
{
    reader r = {.json = json, .poses = visit && visit->poses};
    const alm_status status = read_rows(&r, visit, results);
    alm_buffer_free(&r.asset);
    alm_buffer_free(&r.category);
    alm_buffer_free(&r.error);
    return status;
}
