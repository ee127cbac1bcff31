#include "runtime/input/tokenizer.h"

#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/input/tokenizer_parts.h"
#include "runtime/input/utf8.h"

int alm_tokenizer_size(const alm_tokenizer *tokenizer)
{
    return (int)tokenizer->bpe.tokens;
}

static const char *text_of(const alm_tokenizer *t, int32_t id, size_t *bytes)
{
    const alm_bpe_token *token = &t->bpe.token[id];
    *bytes = token->bytes;
    return t->bpe.text + token->offset;
}

int alm_tokenizer_added(const alm_tokenizer *tokenizer, const char *token)
{
    const size_t length = strlen(token);
    for (int i = 0; i < tokenizer->n_added; i++) {
        size_t bytes;
        const char *text = text_of(tokenizer, tokenizer->added[i], &bytes);
        if (bytes == length && memcmp(text, token, bytes) == 0) {
            return tokenizer->added[i];
        }
    }
    return -1;
}

/* ---- Text to ids ----------------------------------------------------------------------------- */

typedef struct encoding {
    const alm_tokenizer *tokenizer;
    alm_bpe_scratch scratch;
    alm_ids *ids;
} encoding;

static alm_status encode_piece(void *context, const char *piece, size_t bytes)
{
    encoding *e = context;
    return alm_bpe_encode(&e->tokenizer->bpe, &e->scratch, piece, bytes, e->ids);
}

/* The longest added token that the text starts with, or -1. */
static int32_t added_at(const alm_tokenizer *t, const char *text, size_t bytes)
{
    if (!t->starts[(unsigned char)text[0]]) {
        return -1;
    }
    for (int i = 0; i < t->n_added; i++) {
        size_t count;
        const char *token = text_of(t, t->added[i], &count);
        if (count <= bytes && memcmp(text, token, count) == 0) {
            return t->added[i];
        }
    }
    return -1;
}

static alm_status encode_plain(encoding *e, const char *text, size_t bytes)
{
    return bytes == 0 ? ALM_OK
                      : alm_splitter_run(e->tokenizer->splitter, text, bytes, encode_piece, e);
}

/* Splits at added tokens, then encodes what is between them. */
static alm_status encode_added(encoding *e, const char *text, size_t bytes)
{
    size_t from = 0, at = 0;
    while (at < bytes) {
        const int32_t id = added_at(e->tokenizer, text + at, bytes - at);
        if (id < 0) {
            at++;
            continue;
        }
        ALM_TRY(encode_plain(e, text + from, at - from));
        ALM_TRY(alm_reserve(e->ids->count + 1, sizeof *e->ids->id, "token ids", &e->ids->id,
                            &e->ids->capacity));
        e->ids->id[e->ids->count++] = id;
        at += e->tokenizer->bpe.token[id].bytes;
        from = at;
    }
    return encode_plain(e, text + from, bytes - from);
}

alm_status alm_tokenizer_encode(const alm_tokenizer *tokenizer, const char *text, size_t bytes,
                                bool added, alm_ids *ids)
{
    if (bytes > ALM_TEXT_LIMIT) {
        return alm_fail(ALM_STATUS_SAMPLE, "the text has %zu bytes, at most %d are allowed", bytes,
                        (int)ALM_TEXT_LIMIT);
    }
    const size_t valid = alm_utf8_check(text, bytes);
    if (valid < bytes) {
        return alm_fail(ALM_STATUS_SAMPLE, "the text is not UTF-8: byte 0x%02X at offset %zu",
                        (unsigned char)text[valid], valid);
    }
    encoding e = {.tokenizer = tokenizer, .ids = ids};
    const size_t before = ids->count;
    const alm_status status = added ? encode_added(&e, text, bytes) : encode_plain(&e, text, bytes);
    alm_bpe_scratch_clear(&e.scratch);
    if (status != ALM_OK) {
        ids->count = before;
    }
    return status;
}

/* ---- Ids to text ----------------------------------------------------------------------------- */

/* Bytes of the longest start of a valid sequence at text, at least 1: what one replacement
 * character stands for (Unicode 3.9, maximal subparts). */
static size_t broken_length(const char *text, size_t bytes)
{
    static const struct {
        unsigned char lead, low, high; /* first lead byte of a class; bounds of the second byte */
    } classes[] = {{0xF4, 0x80, 0x8F}, {0xF1, 0x80, 0xBF}, {0xF0, 0x90, 0xBF}, {0xEE, 0x80, 0xBF},
                   {0xED, 0x80, 0x9F}, {0xE1, 0x80, 0xBF}, {0xE0, 0xA0, 0xBF}, {0xC2, 0x80, 0xBF}};
    const unsigned char *s = (const unsigned char *)text;
    if (s[0] < 0xC2 || s[0] > 0xF4) {
        return 1;
    }
    size_t k = 0, n = 1;
    while (s[0] < classes[k].lead) {
        k++;
    }
    const size_t length = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
    if (bytes > 1 && s[1] >= classes[k].low && s[1] <= classes[k].high) {
        for (n = 2; n < length && n < bytes && (s[n] & 0xC0) == 0x80;) {
            n++;
        }
    }
    return n;
}

/* Copies text with replacement characters; returns the bytes written. out may be NULL. */
static size_t copy_valid(const char *text, size_t bytes, char *out)
{
    size_t used = 0;
    for (size_t at = 0; at < bytes;) {
        char replacement[4];
        uint32_t code;
        const size_t n = alm_utf8_read(text + at, bytes - at, &code);
        const size_t count = n ? n : alm_utf8_write(0xFFFD, replacement);
        if (out) {
            memcpy(out + used, n ? text + at : replacement, count);
        }
        used += count;
        at += n ? n : broken_length(text + at, bytes - at);
    }
    return used;
}

/* The bytes of all tokens. */
static alm_status join_tokens(const alm_tokenizer *t, const int32_t *id, size_t count, char **out,
                              size_t *bytes)
{
    size_t total = 0, n;
    for (size_t i = 0; i < count; i++) {
        if (id[i] < 0 || (size_t)id[i] >= t->bpe.tokens) {
            return alm_fail(ALM_STATUS_USAGE, "token id %d, at most %zu is known", id[i],
                            t->bpe.tokens - 1);
        }
        text_of(t, id[i], &n);
        ALM_TRY(alm_add_size(total, n, "a decoded text", &total));
    }
    char *joined;
    ALM_TRY(alm_alloc(total, 1, "a decoded text", &joined));
    *bytes = total;
    total = 0;
    for (size_t i = 0; i < count; i++) {
        const char *text = text_of(t, id[i], &n);
        memcpy(joined + total, text, n);
        total += n;
    }
    *out = joined;
    return ALM_OK;
}

alm_status alm_tokenizer_decode(const alm_tokenizer *tokenizer, const int32_t *id, size_t count,
                                char **out)
{
    char *joined = NULL, *text;
    size_t bytes = 0;
    ALM_TRY(join_tokens(tokenizer, id, count, &joined, &bytes));
    const size_t need = copy_valid(joined, bytes, NULL);
    const alm_status status = alm_alloc(need + 1, 1, "a decoded text", &text);
    if (status == ALM_OK) {
        copy_valid(joined, bytes, text);
        text[need] = '\0';
        *out = text;
    }
    alm_free(joined);
    return status;
}
