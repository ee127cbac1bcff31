/* Pickles (protocols 0 to 5) as data: a tree of values, in which whatever Python would import or
 * call is described and nothing is done.
 *
 * A GLOBAL is two names. What REDUCE, NEWOBJ, INST and OBJ would call is an ALM_VALUE_CALL of that
 * global with its arguments and the items that are set on it afterwards; the state that BUILD would
 * set is dropped. A persistent id is an ALM_VALUE_REFERENCE. Numbers that do not fit in 64 bits,
 * floats, bytes and sets are ALM_VALUE_OTHER: a model needs none of them.
 *
 * Refused, with the opcode's name and place: opcodes that are unknown, that fetch from outside the
 * file (EXT1, EXT2, EXT4, NEXT_BUFFER, READONLY_BUFFER), that find the wrong kind of value or no
 * value, a stream that ends early or goes on after STOP, and more than the limits below.
 */
#ifndef ALM_RUNTIME_INPUT_PICKLE_H
#define ALM_RUNTIME_INPUT_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/core/status.h"

/* Longest stream; memory that its values, stack and memo may take. The release has some 0.2 MB of
 * pickle. */
enum { ALM_PICKLE_BYTES = 16 << 20, ALM_PICKLE_MEMORY = 24 << 20 };

typedef enum alm_value_kind {
    ALM_VALUE_NONE,
    ALM_VALUE_BOOL,
    ALM_VALUE_INT,
    ALM_VALUE_TEXT,
    ALM_VALUE_TUPLE,
    ALM_VALUE_LIST,
    ALM_VALUE_DICT,
    ALM_VALUE_GLOBAL,
    ALM_VALUE_CALL,
    ALM_VALUE_REFERENCE,
    ALM_VALUE_OTHER
} alm_value_kind;

typedef struct alm_value alm_value;
struct alm_value {
    alm_value_kind kind;
    int64_t integer; /* BOOL, INT */
    /* TEXT: a view of the stream, `count` bytes, not terminated, perhaps not UTF-8. */
    const char *text;
    /* TUPLE, LIST: the items. DICT, CALL: keys and values by turns, in the order in which they were
     * set; a key may come twice (the later one counts). Values may refer to each other in circles.
     */
    alm_value **item;
    size_t count, capacity;
    /* GLOBAL: module and name (TEXT). CALL: what is called and its arguments (any kind).
     * REFERENCE: the id and NULL. */
    alm_value *first, *second;
};

typedef struct alm_pickle alm_pickle; /* owns all values */

/* name: for messages. The bytes must live as long as *out. Errors: ALM_STATUS_MODEL,
 * ALM_STATUS_MEMORY. */
alm_status alm_pickle_parse(const void *data, size_t bytes, const char *name, alm_pickle **out);
void alm_pickle_free(alm_pickle *pickle);
const alm_value *alm_pickle_root(const alm_pickle *pickle);

bool alm_value_is_text(const alm_value *value, const char *text);
/* Whether it is the global module.name. */
bool alm_value_is_global(const alm_value *value, const char *module, const char *name);
/* The last value under the key of a DICT or CALL; NULL when there is none. */
const alm_value *alm_value_get(const alm_value *value, const char *key);

#endif
