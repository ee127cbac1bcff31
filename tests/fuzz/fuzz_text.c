/* Texts through a tokenizer of all bytes and some merges. Valid UTF-8 is taken; decoding what was
 * encoded gives a text that encodes to the same; plain text makes no added token. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/input/tokenizer.h"
#include "runtime/input/utf8.h"

#define DEMAND(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static const char *const extra[] = {"<point>", "<|im_end|>", "<|im"};

/* 256 bytes under their own numbers, then five merged ones. */
static alm_tokenizer *make_tokenizer(void)
{
    static const char *const merged[] = {"th", "the", "\\u0120t", "\\u0120the", "aa"};
    static const char merges[] = "\xc4\xa0 t\nt h\nth e\n\xc4\xa0 the\na a\n";
    static const char added[] = "{\"added_tokens_decoder\":{}}";
    static char vocab[8192];
    size_t at = (size_t)sprintf(vocab, "{");
    int other = 0;
    for (int i = 0; i < 256; i++) {
        const int printable = (i >= 33 && i <= 126) || (i >= 161 && i != 173);
        at += (size_t)sprintf(vocab + at, "\"\\u%04x\":%d,", printable ? i : 256 + other++, i);
    }
    for (int i = 0; i < 5; i++) {
        at += (size_t)sprintf(vocab + at, "\"%s\":%d%s", merged[i], 256 + i, i < 4 ? "," : "}");
    }
    const alm_tokenizer_texts texts = {.vocab = vocab,
                                       .vocab_bytes = at,
                                       .merges = merges,
                                       .merges_bytes = sizeof merges - 1,
                                       .config = added,
                                       .config_bytes = sizeof added - 1};
    alm_tokenizer *t;
    DEMAND(alm_tokenizer_load_texts(&texts, extra, 3, &t) == ALM_OK);
    return t;
}

static void check_plain(const alm_tokenizer *t, const char *text, size_t size, const alm_ids *ids)
{
    alm_ids again = {NULL, 0, 0};
    char *decoded;
    for (size_t i = 0; i < ids->count; i++) {
        DEMAND(ids->id[i] >= 0 && ids->id[i] < 261);
    }
    if (size > 0 && memchr(text, 0, size)) {
        return; /* a decoded text ends at NUL */
    }
    DEMAND(alm_tokenizer_decode(t, ids->id, ids->count, &decoded) == ALM_OK);
    DEMAND(alm_tokenizer_encode(t, decoded, strlen(decoded), 0, &again) == ALM_OK);
    DEMAND(again.count == ids->count);
    DEMAND(again.count == 0 || memcmp(again.id, ids->id, again.count * sizeof *again.id) == 0);
    alm_free(again.id);
    alm_free(decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static alm_tokenizer *t;
    const char *text = (const char *)data;
    if (!t) {
        t = make_tokenizer();
    }
    const int valid = alm_utf8_check(text, size) == size;
    for (int added = 0; added < 2; added++) {
        alm_ids ids = {NULL, 0, 0};
        const alm_status status = alm_tokenizer_encode(t, text, size, added, &ids);
        DEMAND((status == ALM_OK) == valid);
        DEMAND(valid || ids.count == 0);
        if (valid && !added) {
            check_plain(t, text, size, &ids);
        }
        alm_free(ids.id);
    }
    return 0;
}
