#include "runtime/eval/predictions.h"

#include <math.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/input/json.h"
#include "runtime/input/lines.h"

enum { LINE_BYTES = 1 << 20, NAME_BYTES = 4096, NOTES = 20 };

typedef struct pose {
    float value[9];
    bool known;
} pose;

struct alm_predictions {
    const alm_eval_plan *plan;
    pose *pose; /* [items] */
};

/* A line as it stands. */
typedef struct record {
    char dataset[NAME_BYTES], split[8], asset[NAME_BYTES];
    int64_t seed, idx;
    float pose[9];
    unsigned seen; /* a bit a key */
} record;

enum { KEY_DATASET, KEY_SPLIT, KEY_ASSET, KEY_SEED, KEY_IDX, KEY_POSE, KEYS };

static const char *const keys[KEYS] = {"dataset", "split", "asset", "seed", "idx", "pose"};

static alm_status take_text(alm_json *json, const char *what, char *out, size_t room)
{
    ALM_TRY(alm_json_string(json));
    if (json->bytes >= room) {
        return alm_json_fail(json, "%s has %zu bytes, expected less than %zu", what, json->bytes,
                             room);
    }
    memcpy(out, json->text, json->bytes + 1);
    return ALM_OK;
}

static alm_status take_number(alm_json *json, float *out)
{
    static const struct {
        const char *text;
        float value;
    } words[] = {{"nan", NAN}, {"inf", INFINITY}, {"-inf", -INFINITY}};
    if (alm_json_peek(json) != '"') {
        double value;
        ALM_TRY(alm_json_real(json, "a number of the pose", &value));
        *out = (float)value;
        return ALM_OK;
    }
    ALM_TRY(alm_json_string(json));
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(json->text, words[i].text) == 0) {
            *out = words[i].value;
            return ALM_OK;
        }
    }
    return alm_json_fail(json, "\"%.20s\" is no number, expected \"nan\", \"inf\" or \"-inf\"",
                         json->text);
}

static alm_status take_pose(alm_json *json, float out[9])
{
    int count = 0;
    bool more;
    ALM_TRY(alm_json_open(json, '['));
    for (;;) {
        ALM_TRY(alm_json_item(json, &more));
        if (!more) {
            break;
        }
        float value;
        ALM_TRY(take_number(json, &value));
        if (count < 9) {
            out[count] = value;
        }
        count++;
    }
    return count == 9 ? ALM_OK : alm_json_fail(json, "pose has %d numbers, expected 9", count);
}

static alm_status take_key(alm_json *json, record *out)
{
    int key = 0;
    while (key < KEYS && strcmp(json->text, keys[key]) != 0) {
        key++;
    }
    if (key == KEYS) {
        return alm_json_skip(json);
    }
    if (out->seen >> key & 1) {
        return alm_json_fail(json, "key %s is there twice", keys[key]);
    }
    out->seen |= 1u << key;
    switch (key) {
    case KEY_DATASET: return take_text(json, keys[key], out->dataset, sizeof out->dataset);
    case KEY_SPLIT: return take_text(json, keys[key], out->split, sizeof out->split);
    case KEY_ASSET: return take_text(json, keys[key], out->asset, sizeof out->asset);
    case KEY_SEED: return alm_json_whole(json, "seed", 0, UINT32_MAX, &out->seed);
    case KEY_IDX: return alm_json_whole(json, "idx", 0, INT64_MAX, &out->idx);
    default: return take_pose(json, out->pose);
    }
}

static alm_status take_line(alm_json *json, record *out)
{
    bool more;
    out->seen = 0;
    ALM_TRY(alm_json_open(json, '{'));
    for (;;) {
        ALM_TRY(alm_json_key(json, &more));
        if (!more) {
            break;
        }
        ALM_TRY(take_key(json, out));
    }
    for (int key = 0; key < KEYS; key++) {
        if (key != KEY_ASSET && !(out->seen >> key & 1)) {
            return alm_json_fail(json, "key %s is missing", keys[key]);
        }
    }
    return alm_json_end(json);
}

/* ---- Where a record belongs ---- */

typedef struct reading {
    const alm_eval_plan *plan;
    alm_predictions *out;
    uint32_t **place; /* [sets]: of every index its place in selected order, or UINT32_MAX */
    alm_asset_name_fn *name;
    void *name_context;
} reading;

static int find_set(const alm_eval_plan *plan, const record *r)
{
    for (int i = 0; i < plan->sets; i++) {
        const alm_eval_plan_set *set = &plan->set[i];
        if (plan->seed[set->seed] == r->seed && strcmp(plan->split[set->split], r->split) == 0 &&
            strcmp(plan->dataset[set->dataset].name, r->dataset) == 0) {
            return i;
        }
    }
    return -1;
}

static alm_status make_places(reading *in, int number)
{
    const alm_eval_plan_set *set = &in->plan->set[number];
    uint32_t *order, *place;
    ALM_TRY(alm_alloc((size_t)set->selected, sizeof *order, "an order of samples", &order));
    alm_status status = alm_eval_plan_order(in->plan, number, order);
    if (status == ALM_OK) {
        status = alm_alloc((size_t)set->total, sizeof *place, "places of samples", &place);
    }
    if (status == ALM_OK) {
        memset(place, 0xFF, (size_t)set->total * sizeof *place);
        for (int64_t i = 0; i < set->selected; i++) {
            place[order[i]] = (uint32_t)i;
        }
        in->place[number] = place;
    }
    alm_free(order);
    return status;
}

/* *strange: no chosen sample's. */
static alm_status store(reading *in, const alm_json *json, const record *r, bool *strange)
{
    const int number = find_set(in->plan, r);
    *strange = true;
    if (number < 0) {
        return ALM_OK;
    }
    const alm_eval_plan_set *set = &in->plan->set[number];
    if (!in->place[number]) {
        ALM_TRY(make_places(in, number));
    }
    if (r->idx >= set->total) {
        return alm_json_fail(json, "idx is %lld, expected less than %lld", (long long)r->idx,
                             (long long)set->total);
    }
    const char *name = in->name(in->name_context, set->dataset, set->split, r->idx);
    if ((r->seen >> KEY_ASSET & 1) && strcmp(name, r->asset) != 0) {
        return alm_json_fail(json, "asset of idx %lld is %.200s, expected %.200s",
                             (long long)r->idx, r->asset, name);
    }
    const uint32_t place = in->place[number][r->idx];
    if (place == UINT32_MAX) {
        return ALM_OK;
    }
    pose *p = &in->out->pose[set->first + place];
    if (p->known) {
        return alm_json_fail(json, "idx %lld of %s, %s, seed %lld is predicted twice",
                             (long long)r->idx, r->dataset, r->split, (long long)r->seed);
    }
    memcpy(p->value, r->pose, sizeof p->value);
    p->known = true;
    *strange = false;
    return ALM_OK;
}

static alm_status read_line(reading *in, const char *path, const alm_line *line, record *r,
                            bool *strange)
{
    if (line->is_too_long) {
        return alm_fail(ALM_STATUS_MODEL, "%s: line %lld: longer than %d bytes", path,
                        (long long)line->number, LINE_BYTES);
    }
    alm_json json;
    alm_json_begin(&json, path, line->text, line->bytes);
    json.lines_before = (size_t)line->number - 1;
    alm_status status = take_line(&json, r);
    if (status == ALM_OK) {
        status = store(in, &json, r, strange);
    }
    alm_json_close(&json);
    return status;
}

static alm_status read_lines(reading *in, const char *path,
                             void (*note)(void *context, const char *text), void *note_context,
                             alm_predictions_count *count)
{
    alm_lines *lines = NULL;
    record *r;
    ALM_TRY(alm_alloc(1, sizeof *r, "a prediction", &r));
    alm_status status = alm_lines_open(path, LINE_BYTES, &lines);
    while (status == ALM_OK) {
        alm_line line;
        bool strange = false;
        status = alm_lines_next(lines, &line);
        if (status != ALM_OK || !line.text) {
            break;
        }
        if (line.is_blank) {
            continue;
        }
        count->lines++;
        const alm_status read = read_line(in, path, &line, r, &strange);
        count->strange += strange && read == ALM_OK;
        if (read == ALM_STATUS_MODEL) {
            count->bad++;
            if (count->bad <= NOTES) {
                note(note_context, alm_error_message());
            }
        } else {
            status = read;
        }
    }
    alm_free(r);
    alm_lines_close(lines);
    return status == ALM_STATUS_SAMPLE ? ALM_STATUS_USAGE : status;
}

alm_status alm_predictions_read(const char *path, const alm_eval_plan *plan,
                                alm_asset_name_fn *name, void *name_context,
                                void (*note)(void *context, const char *text), void *note_context,
                                alm_predictions **out, alm_predictions_count *count)
{
    alm_predictions *p;
    reading in = {.plan = plan, .name = name, .name_context = name_context};
    *count = (alm_predictions_count){0};
    ALM_TRY(alm_calloc(1, sizeof *p, "predictions", &p));
    p->plan = plan;
    in.out = p;
    alm_status status = alm_calloc((size_t)plan->items, sizeof *p->pose, "predictions", &p->pose);
    if (status == ALM_OK) {
        status = alm_calloc((size_t)plan->sets, sizeof *in.place, "places of samples", &in.place);
    }
    if (status == ALM_OK) {
        status = read_lines(&in, path, note, note_context, count);
    }
    for (int i = 0; in.place && i < plan->sets; i++) {
        alm_free(in.place[i]);
    }
    alm_free(in.place);
    if (status != ALM_OK) {
        alm_predictions_free(p);
        return status;
    }
    *out = p;
    return ALM_OK;
}

void alm_predictions_free(alm_predictions *predictions)
{
    if (predictions) {
        alm_free(predictions->pose);
        alm_free(predictions);
    }
}

bool alm_predictions_pose(const alm_predictions *predictions, int set, int64_t at, float out[9])
{
    const pose *p = &predictions->pose[predictions->plan->set[set].first + at];
    memcpy(out, p->value, sizeof p->value);
    return p->known;
}
