/* The language model of Qwen3-VL (qwen3vl.md 3) up to the hidden state of one row; what no other
 * row needs is left out: the last layer computes keys and values of all rows, and the rest of it
 * for that row alone.
 *
 * Keys and values are states: they outlive the run, so that a sample with the pages of the one
 * before computes only the rows behind the pages. L counts the rows that are computed, `tokens` all
 * that are attended. */
#ifndef ALM_GRAPH_MODELS_LANGUAGE_MODEL_H
#define ALM_GRAPH_MODELS_LANGUAGE_MODEL_H

#include "graph/build.h"
#include "graph/models/config.h"

typedef struct alm_language_in {
    alm_value h;        /* F32 [L, D]: embedded tokens */
    alm_value source;   /* I32 [L, 2] as in token_embed */
    alm_value position; /* I32 [L, 3] */
    alm_value rule;     /* I32 [L, 3]: begin, end, kind */
    alm_value key_rule; /* I32 [tokens, 3]: of all tokens of the prompt */
    alm_value n_tokens; /* count of them */
    alm_value
        first;      /* I32 [1]: the token that row 0 is; the keys and values before it are cached */
    int64_t tokens; /* capacity */
    alm_value last; /* I32 [1]: the row whose hidden state is wanted */
    alm_value last_rule; /* I32 [1, 3]: its rule */
    /* Features that are added after layer k = 0 … deepstack - 1; ALM_NONE where a source has none
     * left. */
    int deepstack;
    alm_value image[ALM_MAX_DEEPSTACK], point[ALM_MAX_DEEPSTACK];
} alm_language_in;

/* -> F32 [1, D]: the row after the final norm. */
alm_value alm_language_model(alm_graph *g, const alm_text_config *t, alm_language_in in);

/* Layers that can add DeepStack features: after the last one nobody reads those rows. */
int alm_language_deepstack(const alm_text_config *t, int features);

#endif
