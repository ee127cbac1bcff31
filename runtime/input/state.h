/* The tensors of a model folder: a torch state file (.pt), safetensors, or safetensors in shards.
 *
 * Files are mapped, tensors are views into the map: nothing is copied unless the bytes on disk are
 * not aligned to their element or are in no format that kernels read (F16 and F64 become F32).
 * Names lose a leading "module.". Refused, by name: whatever is not a whole file of its kind (see
 * torch_zip.h, safetensors.h).
 */
#ifndef ALM_RUNTIME_INPUT_STATE_H
#define ALM_RUNTIME_INPUT_STATE_H

#include "kernels/core/desc.h"

typedef struct alm_state_tensor {
    const char *name; /* full state-dict name without "module." */
    alm_desc desc;
    const void *data; /* packed, row-major, aligned to its element */
    alm_dtype stored; /* as on disk */
    size_t storage;   /* tensors with the same number share one storage */
} alm_state_tensor;

typedef struct alm_state alm_state;

/* folder: a model folder (pytorch_model/NAME.pt or NAME.pt, model.safetensors.index.json,
 * model.safetensors, looked for in this order; several .pt files are refused by name), or one such
 * file. Errors: ALM_STATUS_MODEL with the file's name, ALM_STATUS_MEMORY. */
alm_status alm_state_open(const char *folder, alm_state **out);
void alm_state_close(alm_state *state);

/* Tensors in the order of their names (strcmp). Valid until the state is closed. */
int alm_state_count(const alm_state *state);
const alm_state_tensor *alm_state_at(const alm_state *state, int index);
/* Index of the tensor with this name; -1 when there is none. */
int alm_state_index(const alm_state *state, const char *name);
/* NULL when there is none. */
const alm_state_tensor *alm_state_find(const alm_state *state, const char *name);

/* The file that was opened (the index of a sharded model), and its size (the sum of the shards). */
const char *alm_state_path(const alm_state *state);
size_t alm_state_file_bytes(const alm_state *state);

/* Asks the system to read all mapped pages ahead; returns at once. */
void alm_state_prefetch(const alm_state *state);

#endif
