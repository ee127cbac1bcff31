/* What the files of the aggregate over seeds share. */
#ifndef ALM_RUNTIME_EVAL_AGGREGATE_SEEDS_PARTS_H
#define ALM_RUNTIME_EVAL_AGGREGATE_SEEDS_PARTS_H

#include "runtime/eval/aggregate_parts.h"

/* A leaf whose path has an address, for sorting. */
typedef struct almi_item {
    const char *path;
    size_t bytes;
    int source;
    double value;
} almi_item;

typedef struct almi_items {
    almi_item *item;
    size_t count;
} almi_items;

typedef struct almi_seeds {
    const alm_seed_source *source; /* [count] */
    int count;
    const alm_aggregate_run *run;
    almi_seed_head *head; /* [count] */
    char **path;          /* [count] */
    almi_leaves leaves;
    almi_items container, leaf; /* sorted */
    double *value;              /* [count], of one statistic */
} almi_seeds;

/* Whether two leaves have one path. */
bool almi_item_same(const almi_item *a, const almi_item *b);

/* The path for messages: dots for NULs. */
const char *almi_item_text(const almi_item *item, char text[200]);

/* The whole file; context: almi_seeds, read, sorted and checked. */
alm_status almi_seeds_write(alm_json_write *w, void *context);

#endif
