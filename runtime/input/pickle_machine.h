/* The machine that pickle.c runs: its memory, the stream that it reads, its stack. Only for
 * pickle*.c.
 *
 * Refused, with the opcode's name and place: a stream that ends inside of an opcode, a stack
 * without the value or the mark that is asked for, and more than ALM_PICKLE_MEMORY.
 */
#ifndef ALM_RUNTIME_INPUT_PICKLE_MACHINE_H
#define ALM_RUNTIME_INPUT_PICKLE_MACHINE_H

#include "runtime/input/pickle.h"

struct alm_pickle {
    struct alm_pickle_chunk *chunks; /* that its values lie in */
    size_t memory;                   /* that was given out, of ALM_PICKLE_MEMORY */
    const alm_value *root;
};

typedef struct alm_pickle_machine {
    alm_pickle *pickle;
    const uint8_t *data;
    size_t bytes, at;
    const char *name;   /* of the stream */
    const char *opcode; /* that runs, and its place */
    size_t opcode_at;
    alm_value **stack;
    size_t depth, stack_capacity;
    size_t *mark; /* depths of the stack */
    size_t marks, mark_capacity;
    alm_value **memo; /* NULL where nothing was put */
    size_t memo_slots, memo_used;
    bool stopped;
} alm_pickle_machine;

/* Records "stream: opcode at byte N: what". */
alm_status almi_pickle_wrong(const alm_pickle_machine *m, const char *what);

/* Memory that lives as long as the values; a new value; one more item of a value. */
alm_status almi_pickle_take_memory(alm_pickle_machine *m, size_t bytes, void **out);
alm_status almi_pickle_make(alm_pickle_machine *m, alm_value_kind kind, alm_value **out);
alm_status almi_pickle_append(alm_pickle_machine *m, alm_value *list, alm_value *item);
/* Room for `need` elements of an array that is not part of the tree. */
alm_status almi_pickle_grow(alm_pickle_machine *m, size_t need, size_t size, void *array,
                            size_t *capacity);

/* The next bytes; a number of so many bytes, little-endian; up to the next newline, which is taken
 * too. */
alm_status almi_pickle_take(alm_pickle_machine *m, uint64_t bytes, const uint8_t **out);
alm_status almi_pickle_take_number(alm_pickle_machine *m, int bytes, uint64_t *out);
alm_status almi_pickle_take_line(alm_pickle_machine *m, const char **text, size_t *bytes);

alm_status almi_pickle_push(alm_pickle_machine *m, alm_value *value);
alm_status almi_pickle_push_new(alm_pickle_machine *m, alm_value_kind kind, alm_value **out);
/* Values above the last mark. */
size_t almi_pickle_reach(const alm_pickle_machine *m);
alm_status almi_pickle_pop(alm_pickle_machine *m, alm_value **out);
alm_status almi_pickle_top(const alm_pickle_machine *m, alm_value **out);
/* Takes the last mark and the values above it away; they stay readable at *items until the next
 * push. */
alm_status almi_pickle_pop_mark(alm_pickle_machine *m, alm_value ***items, size_t *count);

#endif
