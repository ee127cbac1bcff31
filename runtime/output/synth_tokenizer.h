/* A byte-level BPE tokenizer for made-up model folders (qwen3vl.md 6): the 256 bytes, merges that
 * spell the words of the prompt, and Qwen's added tokens. Written as tokenizer.json and as
 * vocab.json, merges.txt and tokenizer_config.json, which say the same.
 */
#ifndef ALM_RUNTIME_OUTPUT_SYNTH_TOKENIZER_H
#define ALM_RUNTIME_OUTPUT_SYNTH_TOKENIZER_H

#include "kernels/core/status.h"

/* Ids of the added tokens that a configuration names. */
typedef struct alm_synth_ids {
    int end_of_text, message_end, vision_start, vision_end, image, video;
    int count; /* of all tokens */
} alm_synth_ids;

/* base: an existing folder. vocabulary: entries of the vocabulary without the added tokens; pairs
 * and triples of bytes fill it up after the words (151643 in the release), 0: no filling. Errors:
 * ALM_STATUS_OUTPUT, ALM_STATUS_MEMORY. */
alm_status alm_synth_tokenizer_write(const char *base, int vocabulary, alm_synth_ids *out);

#endif
