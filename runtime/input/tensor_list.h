/* Tensors as a file describes them: what the readers of containers (safetensors.h, torch_zip.h)
 * hand to state.c. Values stay where they are in the mapped file.
 *
 * Refused, by name: names that are empty, too long, not UTF-8 or hold a NUL; a name that comes
 * twice (after "module." is taken away); too many tensors.
 */
#ifndef ALM_RUNTIME_INPUT_TENSOR_LIST_H
#define ALM_RUNTIME_INPUT_TENSOR_LIST_H

#include <stdbool.h>

#include "kernels/core/desc.h"

enum { ALM_TENSOR_NAME_LIMIT = 1024, ALM_TENSOR_COUNT_LIMIT = 50000 };

typedef struct alm_stored_tensor {
    char *name;                   /* owned by the list; without "module." */
    alm_desc desc;                /* dtype as on disk */
    int64_t stride[ALM_MAX_RANK]; /* in elements, >= 0 */
    const uint8_t *data;          /* the first element; all elements lie inside the file */
    size_t storage;               /* tensors with the same number share one storage */
} alm_stored_tensor;

/* Zero-initialise. */
typedef struct alm_tensor_list {
    alm_stored_tensor *tensor;
    size_t count, capacity;
    size_t storages; /* numbers that are in use, all below this */
} alm_tensor_list;

/* Appends a tensor under the name (bytes long); `tensor`'s own name is ignored. file: for messages.
 * Errors: ALM_STATUS_MODEL, ALM_STATUS_MEMORY. */
alm_status alm_tensor_list_add(alm_tensor_list *list, const char *file, const char *name,
                               size_t bytes, const alm_stored_tensor *tensor);

/* Sorts from `begin` on by name (strcmp) and refuses duplicates there. */
alm_status alm_tensor_list_sort(alm_tensor_list *list, size_t begin, const char *file);

/* Fills stride for packed, row-major values. */
void alm_stored_tensor_pack(alm_stored_tensor *tensor);

/* Whether the values lie packed and row-major. */
bool alm_stored_tensor_is_packed(const alm_stored_tensor *tensor);

/* Sets the list back to empty. */
void alm_tensor_list_free(alm_tensor_list *list);

#endif
