/* A growing set of names, numbered in the order in which they come. Categories come from files:
 * there may be as many as samples, and made to be slow to look up. A crit-bit tree has no bad case
 * beyond the length of the names: whoever wants a path of n nodes must write names of n different
 * lengths.
 */
#ifndef ALM_RUNTIME_EVAL_NAME_INDEX_H
#define ALM_RUNTIME_EVAL_NAME_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/core/status.h"

typedef struct alm_name_index_node alm_name_index_node;

/* Zero-initialise; release with alm_name_index_free. */
typedef struct alm_name_index {
    size_t count;
    size_t *at; /* [count] of text */
    size_t at_capacity;
    char *text; /* each name with its NUL */
    size_t bytes, text_capacity;
    alm_name_index_node *node; /* [count - 1] */
    size_t node_capacity;
    int64_t root;
} alm_name_index;

/* *index: the name's number; a new name gets the next one. */
alm_status alm_name_index_add(alm_name_index *names, const char *name, size_t *index);

/* Until the next alm_name_index_add. */
const char *alm_name_index_get(const alm_name_index *names, size_t index);

/* *order = the numbers, sorted by code point of the names; owned by the caller (alm_free). */
alm_status alm_name_index_sorted(const alm_name_index *names, size_t **order);

void alm_name_index_free(alm_name_index *names); /* resets it */

#endif
