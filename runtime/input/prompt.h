/* The prompt of one sample and everything that follows from its tokens alone: ids, ordinary
 * positions, where each row of the language model comes from, and the attention rules (assemlm2.md
 * 1 and 4, qwen3vl.md 4 and 5).
 */
#ifndef ALM_RUNTIME_INPUT_PROMPT_H
#define ALM_RUNTIME_INPUT_PROMPT_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/input/config.h"
#include "runtime/input/tokenizer.h"

/* Patches of one page, a multiple of merge each way. */
typedef struct alm_grid {
    int rows, columns;
} alm_grid;

typedef struct alm_prompt {
    int count;         /* L: all tokens, the generation prompt included */
    int used;          /* rows that can influence the pose: up to and with the last query token */
    int32_t *ids;      /* [L] */
    int32_t *position; /* [L, 3]: ordinary ids t, h, w, points counted as text */
    int32_t *source;   /* [L, 2]: alm_token_kind and row (token_embed.h) */
    int32_t *rule;     /* [L, 3]: begin, end, alm_row_kind (attention.h) */
} alm_prompt;

/* The four point and query tokens, in the order in which they are appended to the tokenizer's; the
 * last one is the settings' query_token. */
enum { ALM_EXTRA_TOKENS = 4 };
void alm_prompt_extra_tokens(const alm_settings *settings, const char *tokens[ALM_EXTRA_TOKENS]);

/* Whether the tokenizer holds every token that a prompt is made of, under the ids that config.json
 * gives them: once after loading. Error: ALM_STATUS_MODEL. */
alm_status alm_prompt_check(const alm_settings *settings, const alm_tokenizer *tokenizer);

/* category: UTF-8, `bytes` long, always plain text. Errors: ALM_STATUS_SAMPLE, with param
 * "category" or "manual": not UTF-8, too long (the text says what the pages, the points and the
 * category take of settings->longest). */
alm_status alm_prompt_build(const alm_settings *settings, const alm_tokenizer *tokenizer,
                            const alm_grid grid[ALM_PAGES], const char *category, size_t bytes,
                            alm_prompt **out);
void alm_prompt_free(alm_prompt *prompt);

/* [L, L] u8, row = query: the mask that the rules stand for, for dumps. */
void alm_prompt_allowed(const alm_prompt *prompt, uint8_t *allowed);

#endif
