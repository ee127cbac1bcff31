/* Crafts state files of torch.save for tests: pickles from pieces, zips with the place of every
 * record, so that a test can break one field of a good file.
 */
#ifndef ALM_TESTS_INPUT_TORCH_FILE_H
#define ALM_TESTS_INPUT_TORCH_FILE_H

#include <stddef.h>
#include <stdint.h>

enum { CRAFT_BYTES = 1 << 16, CRAFT_ENTRIES = 16 };

typedef struct craft {
    uint8_t data[CRAFT_BYTES];
    size_t count;
} craft;

void craft_add(craft *c, const void *data, size_t bytes);
void craft_text(craft *c, const char *text);
void craft_number(craft *c, uint64_t value, int bytes);
/* Overwrites. */
void craft_patch(craft *c, size_t at, uint64_t value, int bytes);

/* ---- Pickles ----------------------------------------------------------------------------------
 */

void craft_string(craft *c, const char *text); /* BINUNICODE */
void craft_tuple(craft *c, const int64_t *values, int count);

/* _rebuild_tensor_v2 with a storage of `values` elements; type: "BFloat16Storage". */
typedef struct craft_tensor {
    const char *type, *key;
    int64_t values, offset;
    int rank;
    int64_t size[8], stride[8];
} craft_tensor;
void craft_rebuild(craft *c, const craft_tensor *t);

/* {"w": tensor} with protocol and STOP. */
void craft_pickle_one(craft *c, const char *name, const craft_tensor *t);

/* ---- Zips -------------------------------------------------------------------------------------
 */

typedef struct craft_entry {
    const char *name;
    const void *data;
    size_t bytes;
} craft_entry;

/* Where the records of a zip are. */
typedef struct craft_zip {
    size_t local[CRAFT_ENTRIES], data[CRAFT_ENTRIES], central[CRAFT_ENTRIES];
    size_t directory, end64, locator, end;
} craft_zip;

typedef enum craft_style {
    CRAFT_PLAIN,
    CRAFT_ZIP64, /* with zip64 end records */
    CRAFT_LATER  /* sizes and CRC after the data, as torch writes */
} craft_style;

/* Appends a whole zip to c, which must be empty. */
craft_zip craft_zip_add(craft *c, craft_style style, const craft_entry *entries, int count);

/* r/data.pkl, r/byteorder, r/data/0 (bytes 0, 1, 2, ...). */
craft_zip craft_archive(craft *c, craft_style style, const craft *pickle, size_t storage_bytes);

#endif
