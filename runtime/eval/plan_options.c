/* The parts of a plan that are written as text: seeds, numbers of samples, times. */
#include <stdio.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/eval/plan.h"

/* Digits up to `end` (one of its characters, or the text's end) as a number of at most `most`. */
static bool digits(const char **text, const char *end, int64_t most, int64_t *out)
{
    int64_t value = 0;
    const char *c = *text;
    for (; *c >= '0' && *c <= '9'; c++) {
        value = value * 10 + (*c - '0');
        if (value > most) {
            return false;
        }
    }
    if (c == *text || (*c && !strchr(end, *c))) {
        return false;
    }
    *text = c;
    *out = value;
    return true;
}

alm_status alm_eval_plan_time(const char *timestamp, char utc[21])
{
    static const char form[] = "dddddddd_dddddd";
    bool good = strlen(timestamp) == strlen(form);
    for (size_t i = 0; good && form[i]; i++) {
        good = form[i] == 'd' ? timestamp[i] >= '0' && timestamp[i] <= '9' : timestamp[i] == '_';
    }
    if (!good) {
        return alm_fail(ALM_STATUS_USAGE, "run timestamp '%.40s', expected YYYYMMDD_HHMMSS",
                        timestamp);
    }
    snprintf(utc, 21, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", timestamp, timestamp + 4, timestamp + 6,
             timestamp + 9, timestamp + 11, timestamp + 13);
    return ALM_OK;
}

static alm_status add_seed(uint32_t *seed, int *count, int64_t value)
{
    for (int i = 0; i < *count; i++) {
        if (seed[i] == value) {
            return alm_fail(ALM_STATUS_USAGE, "seed %lld is given twice", (long long)value);
        }
    }
    if (*count == ALM_EVAL_SEEDS) {
        return alm_fail(ALM_STATUS_USAGE, "more than %d seeds", ALM_EVAL_SEEDS);
    }
    seed[(*count)++] = (uint32_t)value;
    return ALM_OK;
}

static alm_status add_seeds(const char *text, uint32_t *seed, int *count)
{
    const char *at = text;
    for (;; at++) {
        int64_t from, to;
        bool good = digits(&at, "-,", UINT32_MAX, &from);
        to = from;
        if (good && *at == '-') {
            at++;
            good = digits(&at, ",", UINT32_MAX, &to) && from <= to;
        }
        if (!good) {
            return alm_fail(ALM_STATUS_USAGE,
                            "seeds '%.100s', expected numbers from 0 to 4294967295 and ranges: "
                            "0-9,42",
                            text);
        }
        for (int64_t value = from; value <= to; value++) {
            ALM_TRY(add_seed(seed, count, value));
        }
        if (!*at) {
            return ALM_OK;
        }
    }
}

alm_status alm_eval_plan_seeds(const char *text, uint32_t **out, int *out_count)
{
    uint32_t *seed;
    int count = 0;
    ALM_TRY(alm_alloc(ALM_EVAL_SEEDS, sizeof *seed, "seeds", &seed));
    const alm_status status = add_seeds(text, seed, &count);
    if (status != ALM_OK) {
        alm_free(seed);
        return status;
    }
    *out = seed;
    *out_count = count;
    return ALM_OK;
}

/* ---- Numbers of samples ---- */

/* AssemBench's own (assembench.md 4). */
static const char protocol[] =
    "test:200,train:100,biasassembly/test:1300,ikea/test:all,partnet/test:1000,twobytwo/test:all";

static bool is_word(const char *text, size_t bytes, const char *word)
{
    return strlen(word) == bytes && memcmp(text, word, bytes) == 0;
}

/* One rule of `bytes` bytes; takes it over when it fits. False: it is none. */
static bool apply(const char *rule, size_t bytes, const char *dataset, const char *split,
                  int64_t total, int64_t *selected)
{
    const char *const end = rule + bytes;
    const char *slash = memchr(rule, '/', bytes);
    bool fits = !slash || is_word(rule, (size_t)(slash - rule), dataset);
    rule = slash ? slash + 1 : rule;
    const char *colon = memchr(rule, ':', (size_t)(end - rule));
    if (colon) {
        const size_t n = (size_t)(colon - rule);
        if (!is_word(rule, n, "train") && !is_word(rule, n, "test")) {
            return false;
        }
        fits = fits && is_word(rule, n, split);
        rule = colon + 1;
    }
    int64_t value = total;
    if (!is_word(rule, (size_t)(end - rule), "all")) {
        const char *at = rule;
        if (!digits(&at, ",", INT64_MAX / 100, &value) || at != end || value < 1) {
            return false;
        }
    }
    if (fits) {
        *selected = value < total ? value : total;
    }
    return true;
}

alm_status alm_eval_plan_select(const char *rules, const char *dataset, const char *split,
                                int64_t total, int64_t *selected)
{
    *selected = total;
    const char *at = !rules ? "all" : strcmp(rules, "protocol") == 0 ? protocol : rules;
    for (;;) {
        const size_t bytes = strcspn(at, ",");
        if (!apply(at, bytes, dataset, split, total, selected)) {
            return alm_fail(ALM_STATUS_USAGE,
                            "number of samples '%.*s', expected [DATASET/][train:|test:]N with N "
                            "at least 1 or all, or protocol",
                            (int)(bytes < 100 ? bytes : 100), at);
        }
        if (!at[bytes]) {
            return ALM_OK;
        }
        at += bytes + 1;
    }
}
