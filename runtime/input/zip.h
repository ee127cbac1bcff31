/* The directory of a zip file that lies in memory: where each entry's bytes are.
 *
 * The directory is read here and not by a library because a state file is used as it lies: every
 * storage must be one range of the mapped file, and libzip and minizip only copy values out through
 * their own reads. Nothing is ever decompressed, so there is no bomb to defend against.
 *
 * Refused, by name: no end record at the end of the file, several disks, a directory that does not
 * lie right before its end record, counts that disagree (zip64 too), compressed or encrypted
 * entries, unknown flags, names that are empty, hold a NUL or come twice, local headers that say
 * something else than the directory, entries that overlap each other or the directory.
 */
#ifndef ALM_RUNTIME_INPUT_ZIP_H
#define ALM_RUNTIME_INPUT_ZIP_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/core/status.h"

enum { ALM_ZIP_ENTRIES = 60000 };

typedef struct alm_zip_entry {
    const char *name; /* [name_bytes], not terminated */
    size_t name_bytes;
    const uint8_t *data; /* [bytes] */
    size_t bytes;
    uint32_t crc;
    uint64_t begin; /* of its local header in the file */
} alm_zip_entry;

typedef struct alm_zip {
    const char *file;     /* for messages */
    alm_zip_entry *entry; /* [count], sorted by name, views into the file */
    size_t count;
} alm_zip;

/* file: for messages; it and the bytes must live as long as *out. Errors: ALM_STATUS_MODEL,
 * ALM_STATUS_MEMORY. */
alm_status alm_zip_parse(const void *data, size_t bytes, const char *file, alm_zip *out);
void alm_zip_free(alm_zip *zip); /* resets it */

/* NULL when there is none of this name. */
const alm_zip_entry *alm_zip_find(const alm_zip *zip, const char *name, size_t name_bytes);

/* Reads the entry and compares its CRC-32. */
alm_status alm_zip_check(const alm_zip *zip, const alm_zip_entry *entry);

#endif
