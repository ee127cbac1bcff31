/* Files that appear whole or not at all: written under another name in the same folder, renamed at
 * the end, removed when anything fails.
 *
 * A path that exists and is no regular file (/dev/stdout, a pipe) is written directly, because a
 * rename would replace the device. Refused with ALM_STATUS_OUTPUT, the path and the system's
 * reason: whatever the system refuses.
 */
#ifndef ALM_RUNTIME_OUTPUT_FILE_WRITE_H
#define ALM_RUNTIME_OUTPUT_FILE_WRITE_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/core/status.h"

typedef struct alm_file_write alm_file_write;

alm_status alm_file_write_begin(const char *path, alm_file_write **out);

/* The same under the name `<path>.partial` (assembench.md 4); one that is left over from a run that
 * was killed is replaced. Two writers of one path are the caller's mistake. */
alm_status alm_file_write_begin_partial(const char *path, alm_file_write **out);

/* Appends. After a failure, only alm_file_write_end may follow. */
alm_status alm_file_write_add(alm_file_write *file, const void *data, size_t bytes);

/* Appends zeros. */
alm_status alm_file_write_zeros(alm_file_write *file, size_t bytes);

/* Reads back bytes that were written; zeros past the end of the file. Not from a path that is
 * written directly. */
alm_status alm_file_write_read(alm_file_write *file, uint64_t at, void *data, size_t bytes);

/* Overwrites bytes that were appended before; a file that is only written so may also grow. */
alm_status alm_file_write_patch(alm_file_write *file, uint64_t at, const void *data, size_t bytes);

/* Bytes that were appended. */
uint64_t alm_file_write_size(const alm_file_write *file);

/* Gives the file its name; alm_file_write_end must still follow. */
alm_status alm_file_write_commit(alm_file_write *file);

/* Frees; a file that was not committed is removed. NULL is accepted. */
void alm_file_write_end(alm_file_write *file);

/* A whole file at once. */
alm_status alm_file_write_all(const char *path, const void *data, size_t bytes);

#endif
