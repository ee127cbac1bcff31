/* Tokenizer files. The first byte tells the style: 'J', then a tokenizer.json; else vocab.json,
 * merges.txt and tokenizer_config.json, each behind a byte 0. What is accepted must give back every
 * text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/input/tokenizer.h"

#define DEMAND(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static const char sample[] = "The chair's 4 legs,  \n\tl\xc3\xa4ngs \xe6\xa3\x9a <x><|im_end|>";

static void check(const alm_tokenizer *t)
{
    alm_ids ids = {NULL, 0, 0};
    char *text;
    for (int added = 0; added < 2; added++) {
        ids.count = 0;
        DEMAND(alm_tokenizer_encode(t, sample, sizeof sample - 1, added, &ids) == ALM_OK);
        for (size_t i = 0; i < ids.count; i++) {
            DEMAND(ids.id[i] >= 0 && ids.id[i] < alm_tokenizer_size(t));
        }
        DEMAND(alm_tokenizer_decode(t, ids.id, ids.count, &text) == ALM_OK);
        DEMAND(strcmp(text, sample) == 0);
        alm_free(text);
    }
    alm_free(ids.id);
}

/* What follows a byte 0, up to the next one or the end. */
static const char *part(const uint8_t *data, size_t size, size_t *at, size_t *bytes)
{
    const size_t from = *at < size ? *at + 1 : size;
    const uint8_t *end = from < size ? memchr(data + from, 0, size - from) : NULL;
    *at = end ? (size_t)(end - data) : size;
    *bytes = *at - from;
    return (const char *)data + from;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const extra[] = {"<point>", "<x>"};
    alm_tokenizer_texts texts = {.json = NULL};
    alm_tokenizer *t;
    size_t at = 0;
    if (size == 0) {
        return 0;
    }
    if (data[0] == 'J') {
        texts.json = (const char *)data + 1;
        texts.json_bytes = size - 1;
    } else {
        texts.vocab = part(data, size, &at, &texts.vocab_bytes);
        texts.merges = part(data, size, &at, &texts.merges_bytes);
        texts.config = part(data, size, &at, &texts.config_bytes);
    }
    if (alm_tokenizer_load_texts(&texts, extra, 2, &t) == ALM_OK) {
        check(t);
        alm_tokenizer_free(t);
    } else {
        DEMAND(alm_error_message()[0] != '\0');
    }
    return 0;
}
