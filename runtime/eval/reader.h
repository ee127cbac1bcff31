/* Reads the objects of the work ahead, batch after batch, in a thread of its own. */
#ifndef ALM_RUNTIME_EVAL_READER_H
#define ALM_RUNTIME_EVAL_READER_H

#include "runtime/eval/items.h"

enum { ALM_EVAL_TEXT = 1024 };

/* What was read of an object, or why it could not be. */
typedef struct alm_eval_object {
    const alm_eval_item *item; /* the first of its samples */
    const char *key;
    alm_asset asset;
    double ms; /* waited for; less than reading took, as the file's process reads ahead */
    alm_status status;
    char error[ALM_EVAL_TEXT];
} alm_eval_object;

typedef struct alm_eval_batch {
    const alm_eval_item **item; /* [count] */
    int *object_of;             /* [count] */
    int count;
    alm_eval_object *object; /* [objects] */
    int objects;
} alm_eval_batch;

typedef struct alm_eval_reader alm_eval_reader;

/* done: a bit a sample of the plan (set->first + at), those that are left out; NULL: none. size:
 * samples of a batch, at least 1; parts: ALM_ASSET_*. What is given must stay. */
alm_status alm_eval_reader_create(const alm_eval_plan *plan, alm_eval_data *data,
                                  const alm_eval_items *items, const uint8_t *done, int size,
                                  unsigned parts, alm_eval_reader **out);
void alm_eval_reader_destroy(alm_eval_reader *reader); /* NULL is accepted */

/* The next batch, valid until the next call; count 0 at the end. Error: ALM_STATUS_MEMORY. */
alm_status alm_eval_reader_next(alm_eval_reader *reader, alm_eval_batch **out);

#endif
