/* A text to the pieces that byte-pair encoding works on: canonical composition (NFC), then the
 * pattern of Qwen's pre-tokenizer (qwen3vl.md 6).
 *
 * Both take time and memory in proportion to the text, whatever it holds.
 */
#ifndef ALM_RUNTIME_INPUT_PRETOKENIZE_H
#define ALM_RUNTIME_INPUT_PRETOKENIZE_H

#include <stddef.h>

#include "kernels/core/status.h"

/* The pattern as tokenizer.json must hold it. */
extern const char alm_qwen_pattern[];

typedef struct alm_splitter alm_splitter;

alm_status alm_splitter_create(alm_splitter **out);
void alm_splitter_destroy(alm_splitter *splitter);

typedef alm_status alm_piece_fn(void *context, const char *piece, size_t bytes);

/* Calls visit for every piece of NFC(text), in order; together they are all of it. text: valid
 * UTF-8. The splitter may be shared by threads. Stops at the first failure and returns it. */
alm_status alm_splitter_run(const alm_splitter *splitter, const char *text, size_t bytes,
                            alm_piece_fn *visit, void *context);

#endif
