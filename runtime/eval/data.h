/* The data of an evaluation: the files that its data sets are made of, opened, with the samples of
 * the wanted splits, and the indices that run through a mixture's files (assembench.md 1).
 */
#ifndef ALM_RUNTIME_EVAL_DATA_H
#define ALM_RUNTIME_EVAL_DATA_H

#include "runtime/eval/data_folder.h"
#include "runtime/eval/plan.h"
#include "runtime/input/dataset.h"

typedef struct alm_eval_file {
    alm_dataset *open;                        /* NULL: not wanted, or faulty */
    char *fault;                              /* why it cannot be read */
    alm_dataset_split split[ALM_EVAL_SPLITS]; /* as the plan's splits */
} alm_eval_file;

typedef struct alm_eval_data {
    alm_data_folder folder;
    alm_data_name *name;
    int names;
    alm_eval_file *file; /* [folder.count] */
    int splits;
} alm_eval_data;

/* datasets: NULL or names with commas between them. A file that cannot be read makes the data sets
 * that hold it faulty, not the whole. Errors: ALM_STATUS_USAGE, ALM_STATUS_MEMORY. */
alm_status alm_eval_data_open(const char *folder, const char *datasets, char *const *split,
                              int splits, alm_eval_data *out);
void alm_eval_data_close(alm_eval_data *data); /* resets it */

/* Why the data set cannot be evaluated; NULL: it can. */
const char *alm_eval_data_fault(const alm_eval_data *data, int dataset);

/* Samples of the data set's files together. */
int64_t alm_eval_data_total(const alm_eval_data *data, int dataset, int split);

/* The file that holds sample idx of the data set, and its number there. */
void alm_eval_data_locate(const alm_eval_data *data, int dataset, int split, int64_t idx, int *file,
                          int64_t *local);

/* The key of its object. An alm_asset_name_fn with the data as context. */
const char *alm_eval_data_key(void *data, int dataset, int split, int64_t idx);

/* samples.jsonl: every key of every data set and split, a JSON string a line; *sum: its CRC-32.
 * path NULL: only the sum. Error: ALM_STATUS_OUTPUT. */
alm_status alm_eval_data_list(alm_eval_data *data, const char *path, uint32_t *sum);

#endif
