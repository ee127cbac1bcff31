/* Small AssemBench files for tests, written with the HDF5 library: good ones, and what tests add to
 * them. A call of the library that fails fails the test. */
#ifndef ALM_TESTS_INPUT_DATASET_FILE_H
#define ALM_TESTS_INPUT_DATASET_FILE_H

#include <hdf5.h>
#include <stdbool.h>

#include "runtime/input/dataset.h"
#include "tests/shim/alm_test.h"

typedef struct dataset_file {
    const char *path;
    hid_t file, split, objs;
} dataset_file;

enum { FILE_MOVING = 40, FILE_FIXED = 50, FILE_PAGE = 16 };

/* A file with the groups split and objs; latest: in the newest format. */
dataset_file file_begin(const char *path, bool latest);
void file_end(dataset_file *f);

/* split/<name>: names of a fixed length, padded with NULs. */
void file_names(const dataset_file *f, const char *split, const char *const *names, int count);

/* The same for one split with all of the names and another with none. */
void file_splits(const dataset_file *f, const char *const *test, int count);

/* A group objs/<key>, which the caller closes (H5Gclose). */
hid_t file_group(const dataset_file *f, const char *key);

/* Good parts: clouds of FILE_MOVING and FILE_FIXED points, point i at (i, i/2, -i) and (i/4, 0, 1);
 * pages of FILE_PAGE², all of one value; a category. */
void file_clouds(hid_t group);
void file_pages(hid_t group, const char *style, int value);
void file_category(hid_t group, const char *text);
/* All of them. */
void file_object(const dataset_file *f, const char *key);

/* A dataset of any numbers: type in the file, type of `data`; NULL: nothing is written. */
void file_numbers(hid_t group, const char *name, hid_t type, int rank, const hsize_t *size,
                  hid_t memory, const void *data);
/* The same with settings of its own (a property list, which stays open). */
void file_numbers_with(hid_t group, const char *name, hid_t type, int rank, const hsize_t *size,
                       hid_t memory, const void *data, hid_t creation);

/* A file with objects "a_1", "b_2", "c_3", all in split/test. */
const char *file_small(const char *path);

/* Opens, and reads one asset with all parts; checks that the message of a failure is one line that
 * begins with the path. */
alm_status file_read(const char *path, const char *key, alm_asset *out);

/* The last message is one line about this file. */
void file_check_message(const char *path);

#endif
