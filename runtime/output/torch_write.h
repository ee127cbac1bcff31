/* State files as DeepSpeed and torch.save write them (assemlm2.md 6): a zip of a pickle (protocol
 * 2) and one stored entry for each storage, each at a multiple of 64 bytes; zip64 where offsets
 * need it. Streamed: the pickle first, then the values.
 *
 * The dictionary is {"module": OrderedDict of tensors, ...} with values beside it like those that
 * DeepSpeed puts there. The file appears whole or not at all (file_write.h). Refused:
 * what the system refuses (ALM_STATUS_OUTPUT); more or less data than there are values
 * (ALM_STATUS_INTERNAL).
 */
#ifndef ALM_RUNTIME_OUTPUT_TORCH_WRITE_H
#define ALM_RUNTIME_OUTPUT_TORCH_WRITE_H

#include "runtime/output/safetensors_write.h"

typedef struct alm_torch_writer alm_torch_writer;

/* Two entries with the same `data` that is not NULL share one storage, which is written once;
 * `data` is not read. The entries must live until alm_torch_end. Types: those of torch's storages.
 */
alm_status alm_torch_begin(const char *path, const alm_tensor_entry *entries, size_t count,
                           alm_torch_writer **out);

/* The next bytes of the values, storage after storage in the order of the first entries that have
 * them, in pieces of any size. */
alm_status alm_torch_add(alm_torch_writer *writer, const void *data, size_t bytes);

/* Ends the zip and gives the file its name; alm_torch_end must still follow. */
alm_status alm_torch_commit(alm_torch_writer *writer);

/* Frees; a file that was not committed is removed. NULL is accepted. */
void alm_torch_end(alm_torch_writer *writer);

#endif
