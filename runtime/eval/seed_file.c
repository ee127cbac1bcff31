/* Reads an aggregate over data sets for the statistics over seeds (aggregate_parts.h): its head,
 * and every number below `datasets` and `overall_by_split` with its path. A path is the keys joined
 * by NUL, which no key holds: bytes then sort as lists of keys do.
 */
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/eval/aggregate_parts.h"
#include "runtime/eval/results_parts.h"

typedef struct reader {
    alm_json *json;
    int source;
    almi_leaves *leaves;
    almi_seed_head *head;
    alm_buffer path; /* of the open objects */
} reader;

static alm_status add_leaf(reader *r, bool is_container, double value)
{
    almi_leaves *l = r->leaves;
    ALM_TRY(alm_reserve(l->count + 1, sizeof *l->leaf, "statistics", &l->leaf, &l->capacity));
    const almi_leaf leaf = {.at = l->text.count,
                            .bytes = r->path.count,
                            .source = r->source,
                            .is_container = is_container,
                            .value = value};
    alm_buffer_add(&l->text, r->path.data, r->path.count);
    ALM_TRY(l->text.status);
    l->leaf[l->count++] = leaf;
    return ALM_OK;
}

/* The path for messages: dots for NULs. */
static const char *shown(const reader *r, char text[200])
{
    const size_t count = r->path.count < 199 ? r->path.count : 199;
    for (size_t i = 0; i < count; i++) {
        text[i] = r->path.data[i] ? (char)r->path.data[i] : '.';
    }
    text[count] = '\0';
    return text;
}

static alm_status read_value(reader *r, int level, int names);

/* names: how many levels below here are names of data sets and splits. */
static alm_status read_object(reader *r, int level, int names)
{
    const size_t parent = r->path.count;
    bool more;
    ALM_TRY(alm_json_open(r->json, '{'));
    for (;;) {
        ALM_TRY(alm_json_key(r->json, &more));
        if (!more) {
            return ALM_OK;
        }
        alm_buffer_add(&r->path, "", 1);
        alm_buffer_add(&r->path, r->json->text, r->json->bytes);
        ALM_TRY(r->path.status);
        ALM_TRY(read_value(r, level + 1, names));
        r->path.count = parent;
    }
}

static alm_status read_value(reader *r, int level, int names)
{
    char text[200];
    double value;
    const char next = alm_json_peek(r->json);
    if (level <= names) {
        if (next != '{') {
            return alm_json_fail(r->json, "%s is no object", shown(r, text));
        }
        ALM_TRY(add_leaf(r, true, 0));
    }
    switch (next) {
    case '{': return read_object(r, level, names);
    case '[': return almi_json_finite(r->json, shown(r, text));
    case '"':
    case 't':
    case 'f':
    case 'n': return alm_json_skip(r->json);
    default:
        ALM_TRY(alm_json_real(r->json, shown(r, text), &value));
        return add_leaf(r, false, value);
    }
}

static alm_status read_tree(reader *r, const char *name, int names)
{
    if (alm_json_peek(r->json) != '{') {
        return alm_json_fail(r->json, "%s is no object", name);
    }
    r->path.count = 0;
    alm_buffer_text(&r->path, name);
    ALM_TRY(r->path.status);
    return read_object(r, 0, names);
}

enum { KEY_FORMAT, KEY_TIMESTAMP, KEY_SEED, KEY_CKPT, KEY_DATASETS, KEY_OVERALL, HEAD_KEYS };
static const char *const head_names[HEAD_KEYS] = {
    "format_version", "run_timestamp", "seed", "ckpt_path", "datasets", "overall_by_split"};

static alm_status read_member(reader *r, int key)
{
    alm_json *json = r->json;
    int64_t version;
    switch (key) {
    case KEY_FORMAT: return alm_json_whole(json, "format_version", 1, 1, &version);
    case KEY_SEED: return alm_json_whole(json, "seed", 0, (INT64_C(1) << 32) - 1, &r->head->seed);
    case KEY_DATASETS: return read_tree(r, "datasets", 2);
    case KEY_OVERALL: return read_tree(r, "overall_by_split", 1);
    default: break;
    }
    char **out = key == KEY_CKPT ? &r->head->ckpt_path : &r->head->run_timestamp;
    if (alm_json_peek(json) == 'n') {
        return alm_json_skip(json);
    }
    if (alm_json_peek(json) != '"') {
        return alm_json_fail(json, "%s is no text, expected one or null", head_names[key]);
    }
    ALM_TRY(alm_json_string(json));
    return alm_strdup(json->text, "results", out);
}

static alm_status read_members(reader *r)
{
    unsigned seen = 0;
    bool more;
    if (alm_json_peek(r->json) != '{') {
        return alm_json_fail(r->json, "the file holds no JSON object");
    }
    ALM_TRY(alm_json_open(r->json, '{'));
    for (;;) {
        ALM_TRY(alm_json_key(r->json, &more));
        if (!more) {
            break;
        }
        const int key = almi_key_find(head_names, HEAD_KEYS, r->json->text, 0);
        if (key < 0) {
            ALM_TRY(alm_json_skip(r->json));
            continue;
        }
        ALM_TRY(almi_key_once(r->json, &seen, key));
        ALM_TRY(read_member(r, key));
    }
    for (int i = 0; i < HEAD_KEYS; i++) {
        if (!(seen >> i & 1)) {
            return alm_json_fail(r->json, "%s is missing", head_names[i]);
        }
    }
    return alm_json_end(r->json);
}

alm_status almi_seed_file_read(const char *name, const char *text, size_t bytes, int source,
                               almi_leaves *leaves, almi_seed_head *head)
{
    alm_json json;
    reader r = {.json = &json, .source = source, .leaves = leaves, .head = head};
    alm_json_begin(&json, name, text, bytes);
    const alm_status status = alm_results_refusal(read_members(&r));
    alm_json_close(&json);
    alm_buffer_free(&r.path);
    return status;
}

void almi_seed_head_free(almi_seed_head *head)
{
    alm_free(head->run_timestamp);
    alm_free(head->ckpt_path);
    *head = (almi_seed_head){0};
}

void almi_leaves_free(almi_leaves *leaves)
{
    alm_buffer_free(&leaves->text);
    alm_free(leaves->leaf);
    *leaves = (almi_leaves){0};
}
