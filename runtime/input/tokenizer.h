/* The byte-level BPE tokenizer of Qwen (qwen3vl.md 6): tokenizer.json, or vocab.json + merges.txt +
 * tokenizer_config.json. NFC by utf8proc, the pre-tokenizer by PCRE2. Immutable after loading;
 * encoding is thread-safe.
 *
 * Refused, by name: invalid UTF-8 (with the byte offset), duplicate ids, merges of unknown tokens,
 * tokens for bytes that are missing, added tokens that strip or normalise, other normalizers,
 * pre-tokenizers or models.
 */
#ifndef ALM_RUNTIME_INPUT_TOKENIZER_H
#define ALM_RUNTIME_INPUT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/core/status.h"

typedef struct alm_tokenizer alm_tokenizer;

/* extra: tokens that are appended after the last id where the folder does not hold them
 * (assemlm2.md 1), in this order. */
alm_status alm_tokenizer_load(const char *base, const char *const *extra, int n_extra,
                              alm_tokenizer **out);
void alm_tokenizer_free(alm_tokenizer *tokenizer);

/* The same from texts, which are borrowed during the call: a tokenizer.json, or (json NULL) the
 * three files. */
typedef struct alm_tokenizer_texts {
    const char *json, *vocab, *merges, *config;
    size_t json_bytes, vocab_bytes, merges_bytes, config_bytes;
} alm_tokenizer_texts;
alm_status alm_tokenizer_load_texts(const alm_tokenizer_texts *texts, const char *const *extra,
                                    int n_extra, alm_tokenizer **out);

/* Largest id + 1. */
int alm_tokenizer_size(const alm_tokenizer *tokenizer);

/* Id of an added token, -1 when there is none of this text. */
int alm_tokenizer_added(const alm_tokenizer *tokenizer, const char *token);

/* A growing list of ids; zero-initialise, free with alm_free(ids). */
typedef struct alm_ids {
    int32_t *id;
    size_t count, capacity;
} alm_ids;

/* Appends the ids of text (bytes long, NUL allowed). added: added tokens in the text are recognised
 * as Hugging Face does; otherwise the text is plain and cannot make one. Errors: ALM_STATUS_SAMPLE
 * (invalid UTF-8 with its offset; over ALM_TEXT_LIMIT bytes), ALM_STATUS_MEMORY. */
enum { ALM_TEXT_LIMIT = 1 << 20 };
alm_status alm_tokenizer_encode(const alm_tokenizer *tokenizer, const char *text, size_t bytes,
                                bool added, alm_ids *ids);

/* The text of ids, as UTF-8 with replacement characters for what is not; *out is owned by the
 * caller. */
alm_status alm_tokenizer_decode(const alm_tokenizer *tokenizer, const int32_t *id, size_t count,
                                char **out);

#endif
