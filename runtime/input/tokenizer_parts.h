/* What a tokenizer is made of; for tokenizer.c and tokenizer_load.c only. */
#ifndef ALM_RUNTIME_INPUT_TOKENIZER_PARTS_H
#define ALM_RUNTIME_INPUT_TOKENIZER_PARTS_H

#include "runtime/input/bpe.h"
#include "runtime/input/pretokenize.h"

enum { ALM_ADDED_TOKENS = 1024 };

/* Added tokens in the order in which they are tried: longest first. Their texts are the bpe's. */
struct alm_tokenizer {
    alm_bpe bpe;
    alm_splitter *splitter;
    int32_t added[ALM_ADDED_TOKENS];
    int n_added;
    bool starts[256]; /* some added token starts with this byte */
};

#endif
