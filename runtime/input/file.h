/* Whole files and streams in one read, with a limit.
 *
 * Refused, by name: what cannot be opened, folders, more than the limit.
 */
#ifndef ALM_RUNTIME_INPUT_FILE_H
#define ALM_RUNTIME_INPUT_FILE_H

#include <stddef.h>

#include "kernels/core/status.h"

/* Any file in one read, at most `limit` bytes; "-" is stdin. *data is owned by the caller
 * (alm_free); a NUL that *bytes does not count follows the last byte. Errors: ALM_STATUS_SAMPLE
 * with the path and the system's reason, ALM_STATUS_MEMORY. */
alm_status alm_file_read(const char *path, size_t limit, void **data, size_t *bytes);

#endif
