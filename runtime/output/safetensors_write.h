/* safetensors files (qwen3vl.md 7), streamed: the header first, then the values in its order.
 *
 * The file appears whole or not at all (file_write.h). Names are ours, so they are UTF-8.
 * Refused: a name twice and more or less data than the header says (ALM_STATUS_INTERNAL), what the
 * system refuses (ALM_STATUS_OUTPUT with the path and the reason).
 */
#ifndef ALM_RUNTIME_OUTPUT_SAFETENSORS_WRITE_H
#define ALM_RUNTIME_OUTPUT_SAFETENSORS_WRITE_H

#include "kernels/core/desc.h"

typedef struct alm_tensor_entry {
    const char *name;
    alm_desc desc;
    const void *data; /* packed, row-major; only alm_safetensors_save reads it */
} alm_tensor_entry;

typedef struct alm_safetensors_writer alm_safetensors_writer;

/* The entries need not live longer than the call. Errors: ALM_STATUS_OUTPUT, ALM_STATUS_MEMORY,
 * ALM_STATUS_INTERNAL. */
alm_status alm_safetensors_begin(const char *path, const alm_tensor_entry *entries, size_t count,
                                 alm_safetensors_writer **out);

/* The next bytes of the values, tensor after tensor, in pieces of any size. */
alm_status alm_safetensors_add(alm_safetensors_writer *writer, const void *data, size_t bytes);

/* For values that come in another order: makes all of them zero, then overwrites `bytes` of them
 * from byte `at`. */
alm_status alm_safetensors_zeros(alm_safetensors_writer *writer);
alm_status alm_safetensors_put(alm_safetensors_writer *writer, uint64_t at, const void *data,
                               size_t bytes);

/* Gives the file its name; alm_safetensors_end must still follow. */
alm_status alm_safetensors_commit(alm_safetensors_writer *writer);

/* Frees; a file that was not committed is removed. NULL is accepted. */
void alm_safetensors_end(alm_safetensors_writer *writer);

/* A whole file from memory. */
alm_status alm_safetensors_save(const char *path, const alm_tensor_entry *entries, size_t count);

#endif
