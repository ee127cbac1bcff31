/* What the files of the aggregates share. */
#ifndef ALM_RUNTIME_EVAL_AGGREGATE_PARTS_H
#define ALM_RUNTIME_EVAL_AGGREGATE_PARTS_H

#include "runtime/eval/aggregate.h"
#include "runtime/output/json_write.h"

/* "format_version", "generated_at" and "run_timestamp" of the open object. */
void almi_aggregate_head(alm_json_write *w, const alm_aggregate_run *run);

/* The path as it is to be written; owned by the caller (alm_free). */
alm_status almi_aggregate_path(const char *path, const alm_aggregate_run *run, char **out);

/* A seed aggregate as far as statistics need it: its head and its numbers. */
typedef struct almi_leaf {
    size_t at;         /* of the path in the text; then, once all is read, nothing moves any more */
    size_t bytes;      /* of the path: keys, joined by NUL */
    int source;        /* which file */
    bool is_container; /* an object whose name is compared: a data set or a split */
    double value;
} almi_leaf;

/* Zero-initialise; release with almi_leaves_free. */
typedef struct almi_leaves {
    alm_buffer text;
    almi_leaf *leaf;
    size_t count, capacity;
} almi_leaves;

typedef struct almi_seed_head {
    int64_t seed;
    char *run_timestamp, *ckpt_path; /* ckpt_path: NULL is null; owned by the caller */
} almi_seed_head;

/* name: for messages. The leaves of the file are added as those of `source`. Refusals are
 * ALM_STATUS_USAGE. *head needs almi_seed_head_free in any case. */
alm_status almi_seed_file_read(const char *name, const char *text, size_t bytes, int source,
                               almi_leaves *leaves, almi_seed_head *head);
void almi_seed_head_free(almi_seed_head *head);
void almi_leaves_free(almi_leaves *leaves);

#endif
