/* Data sets by name (assembench.md 1): the files of a data folder, their aliases, mixtures.
 *
 * Every assemlm_*.hdf5 or .h5 directly in the folder is a file whose name is what follows
 * "assemlm_", in lower case; .hdf5 wins over .h5. A name may be written x, x_hdf5, x_final_hdf5,
 * assemlm_x, assemlm_x_hdf5, in any case. ASSEMLM_<X>_HDF5, then ASSEMLM_<X>_FINAL_HDF5, point an
 * existing x to another file. "a+b" joins files in the order given; auto, all and * join all of
 * them.
 */
#ifndef ALM_RUNTIME_EVAL_DATA_FOLDER_H
#define ALM_RUNTIME_EVAL_DATA_FOLDER_H

#include <stdbool.h>

#include "runtime/eval/plan.h"

enum { ALM_EVAL_MIXTURE = 64 };

typedef struct alm_data_file {
    char *name, *path;
    bool lineart_first; /* "twobytwo" is in one of them: its line drawings are looked for first */
} alm_data_file;

typedef struct alm_data_folder {
    alm_data_file *file; /* sorted by name */
    int count;
} alm_data_folder;

/* Errors: ALM_STATUS_USAGE: the folder cannot be read or holds no such file. */
alm_status alm_data_folder_open(const char *path, alm_data_folder *out);
void alm_data_folder_close(alm_data_folder *folder); /* resets it */

typedef struct alm_data_name {
    char *name;                 /* as given */
    int file[ALM_EVAL_MIXTURE]; /* of the folder */
    int files;
} alm_data_name;

/* list: names with commas between them; NULL: every file by itself. *out: [*count], owned by the
 * caller (alm_data_names_free). Error: ALM_STATUS_USAGE: unknown (with those that are there), given
 * twice, too many. */
alm_status alm_data_names(const alm_data_folder *folder, const char *list, alm_data_name **out,
                          int *count);
void alm_data_names_free(alm_data_name *names, int count);

#endif
