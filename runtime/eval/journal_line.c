#include "runtime/eval/journal_line.h"

#include <string.h>
#include <zlib.h>

#include "kernels/core/memory.h"
#include "runtime/input/json.h"

/* The numbers of an entry, in the order of the line. */
enum { NUMBERS = 9 + 3 + 9 + 3 + 9 + ALM_METRICS + 2, DIGITS = 8 };

static uint32_t sum_of(const char *text, size_t bytes)
{
    return (uint32_t)crc32_z(0, (const Bytef *)text, bytes);
}

static void hex(uint32_t value, char out[DIGITS])
{
    for (int i = 0; i < DIGITS; i++) {
        out[i] = "0123456789abcdef"[value >> (28 - 4 * i) & 15];
    }
}

static bool unhex(const char *text, uint32_t *out)
{
    uint32_t value = 0;
    for (int i = 0; i < DIGITS; i++) {
        const char c = text[i];
        const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) {
            return false;
        }
        value = value << 4 | (uint32_t)digit;
    }
    *out = value;
    return true;
}

/* ---- Writing ---- */

void alm_journal_line(alm_buffer *out, const char *object, size_t bytes)
{
    char sum[ALM_JOURNAL_SUM];
    hex(sum_of(object, bytes), sum);
    sum[DIGITS] = ' ';
    alm_buffer_add(out, sum, sizeof sum);
    alm_buffer_add(out, object, bytes);
    alm_buffer_add(out, "\n", 1);
}

/* All numbers of the entry, one behind the other: to `all`, or from it. */
static void numbers(alm_journal_entry *e, float all[NUMBERS], bool store)
{
    alm_eval_row *r = &e->row;
    const struct {
        float *at;
        size_t count;
    } parts[] = {{e->pose, 9},   {r->true_t, 3},           {r->true_r, 9},        {r->pred_t, 3},
                 {r->pred_r, 9}, {r->metric, ALM_METRICS}, {&r->symmetric_gd, 1}, {&e->ms, 1}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        memcpy(store ? all : parts[i].at, store ? parts[i].at : all, parts[i].count * sizeof *all);
        all += parts[i].count;
    }
}

void alm_journal_entry_line(alm_buffer *out, alm_buffer *scratch, const alm_journal_entry *entry)
{
    alm_journal_entry e = *entry;
    const alm_eval_row *r = &e.row;
    float all[NUMBERS];
    char bits[NUMBERS * DIGITS];
    numbers(&e, all, true);
    for (int i = 0; i < NUMBERS; i++) {
        uint32_t word;
        memcpy(&word, &all[i], sizeof word);
        hex(word, bits + DIGITS * i);
    }
    scratch->count = 0;
    alm_buffer_format(scratch, "{\"set\":%d,\"at\":%lld,\"idx\":%lld,\"asset\":", e.set,
                      (long long)e.at, (long long)r->idx);
    alm_buffer_json(scratch, r->asset, strlen(r->asset));
    alm_buffer_text(scratch, ",\"category\":");
    alm_buffer_json(scratch, r->category, strlen(r->category));
    alm_buffer_format(scratch, ",\"valid\":%d,\"truth\":%d,\"symmetries\":%d,\"error\":", r->valid,
                      r->has_truth, r->symmetries);
    if (r->error) {
        alm_buffer_json(scratch, r->error, strlen(r->error));
    } else {
        alm_buffer_text(scratch, "null");
    }
    alm_buffer_text(scratch, ",\"bits\":\"");
    alm_buffer_add(scratch, bits, sizeof bits);
    alm_buffer_text(scratch, "\"}");
    if (scratch->status != ALM_OK) {
        out->status = scratch->status;
        return;
    }
    alm_journal_line(out, (const char *)scratch->data, scratch->count);
}

/* ---- Reading ---- */

bool alm_journal_object(const char *at, const char *end, const char **object, size_t *bytes,
                        const char **next)
{
    const size_t room = (size_t)(end - at);
    const char *stop =
        memchr(at, '\n', room < (size_t)ALM_JOURNAL_LINE ? room : (size_t)ALM_JOURNAL_LINE);
    uint32_t sum;
    if (!stop || stop - at < ALM_JOURNAL_SUM || !unhex(at, &sum) || at[DIGITS] != ' ') {
        return false;
    }
    *object = at + ALM_JOURNAL_SUM;
    *bytes = (size_t)(stop - *object);
    *next = stop + 1;
    return sum == sum_of(*object, *bytes);
}

/* Where texts go: their offsets, until the block has its final place. */
typedef struct texts {
    char **text;
    size_t *capacity;
    size_t used;
} texts;

static alm_status take_text(alm_json *json, texts *to, size_t *offset)
{
    ALM_TRY(alm_json_string(json));
    ALM_TRY(alm_reserve(to->used + json->bytes + 1, 1, "a journal's text", to->text, to->capacity));
    memcpy(*to->text + to->used, json->text, json->bytes + 1);
    *offset = to->used;
    to->used += json->bytes + 1;
    return ALM_OK;
}

static alm_status take_bits(alm_json *json, alm_journal_entry *out)
{
    float all[NUMBERS];
    ALM_TRY(alm_json_string(json));
    bool good = json->bytes == (size_t)NUMBERS * DIGITS;
    for (int i = 0; i < NUMBERS && good; i++) {
        uint32_t word;
        good = unhex(json->text + DIGITS * i, &word);
        memcpy(&all[i], &word, sizeof word);
    }
    if (!good) {
        return alm_json_fail(json, "bits has %zu digits, expected %d", json->bytes,
                             NUMBERS * DIGITS);
    }
    numbers(out, all, false);
    return ALM_OK;
}

static alm_status take_key(alm_json *json, texts *to, int key, size_t offset[3],
                           alm_journal_entry *out)
{
    int64_t value = 0;
    alm_eval_row *r = &out->row;
    enum { SYMMETRIES = 5, ASSET, BITS = 9 };
    static const int64_t most[] = {INT32_MAX, INT64_MAX, INT64_MAX, 1, 1, INT32_MAX};
    if (key >= ASSET) {
        if (key < BITS) {
            return take_text(json, to, &offset[key - ASSET]);
        }
        return take_bits(json, out);
    }
    ALM_TRY(alm_json_whole(json, "a number", key == SYMMETRIES ? -1 : 0, most[key], &value));
    switch (key) {
    case 0: out->set = (int)value; break;
    case 1: out->at = value; break;
    case 2: r->idx = value; break;
    case 3: r->valid = value != 0; break;
    case 4: r->has_truth = value != 0; break;
    default: r->symmetries = (int)value; break;
    }
    return ALM_OK;
}

static alm_status take_object(alm_json *json, texts *to, size_t offset[3], alm_journal_entry *out)
{
    static const char *const keys[] = {"set",        "at",    "idx",      "valid", "truth",
                                       "symmetries", "asset", "category", "error", "bits"};
    enum { KEYS = sizeof keys / sizeof keys[0], ERROR = 8 };
    unsigned seen = 0;
    bool more;
    ALM_TRY(alm_json_open(json, '{'));
    for (;;) {
        ALM_TRY(alm_json_key(json, &more));
        if (!more) {
            break;
        }
        int key = 0;
        while (key < KEYS && strcmp(json->text, keys[key]) != 0) {
            key++;
        }
        if (key == KEYS || (seen >> key & 1)) {
            return alm_json_fail(json, "key %.40s is not expected here", json->text);
        }
        seen |= 1u << key;
        if (key == ERROR && alm_json_peek(json) == 'n') {
            ALM_TRY(alm_json_skip(json));
            continue;
        }
        ALM_TRY(take_key(json, to, key, offset, out));
    }
    if (seen != (1u << KEYS) - 1) {
        return alm_json_fail(json, "a key is missing");
    }
    return alm_json_end(json);
}

alm_status alm_journal_entry_read(const char *file, const char *object, size_t bytes, char **text,
                                  size_t *capacity, alm_journal_entry *out)
{
    alm_json json;
    alm_journal_entry entry = {0};
    texts to = {.text = text, .capacity = capacity};
    size_t offset[3] = {SIZE_MAX, SIZE_MAX, SIZE_MAX};
    alm_json_begin(&json, file, object, bytes);
    const alm_status status = take_object(&json, &to, offset, &entry);
    alm_json_close(&json);
    if (status != ALM_OK) {
        return status == ALM_STATUS_MODEL ? ALM_STATUS_USAGE : status;
    }
    entry.row.asset = *text + offset[0];
    entry.row.category = *text + offset[1];
    entry.row.error = offset[2] == SIZE_MAX ? NULL : *text + offset[2];
    *out = entry;
    return ALM_OK;
}
