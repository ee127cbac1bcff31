/* Read-only maps of whole regular files.
 *
 * Refused, with the path and the system's reason: what cannot be opened, what is no regular file
 * (a pipe would block, a device has no size), and empty files. A file must not be cut short while
 * it is mapped: the system then ends the process (SIGBUS), whoever reads it.
 */
#ifndef ALM_RUNTIME_INPUT_FILE_MAP_H
#define ALM_RUNTIME_INPUT_FILE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/core/status.h"

typedef struct alm_file_map {
    const uint8_t *data; /* starts at a page */
    size_t bytes;
} alm_file_map;

/* Error: ALM_STATUS_MODEL. */
alm_status alm_file_map_open(const char *path, alm_file_map *out);
/* The bytes before `end` are not needed for now: the system may take their memory back. They can
 * still be read. */
void alm_file_map_forget(const alm_file_map *map, size_t end);
void alm_file_map_close(alm_file_map *map); /* resets it */

#endif
