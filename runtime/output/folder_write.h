/* Folders that appear whole or not at all: filled under another name beside the final one, renamed
 * at the end, removed with all that is in them when anything fails.
 *
 * Nothing is overwritten without force, an empty folder apart. With force, an old model folder (one
 * with a config.yaml) is removed after the new one is complete; any other folder is refused, so
 * that a wrong path does not cost anybody's files. Refused with ALM_STATUS_OUTPUT, the path and the
 * system's reason: whatever the system refuses.
 */
#ifndef ALM_RUNTIME_OUTPUT_FOLDER_WRITE_H
#define ALM_RUNTIME_OUTPUT_FOLDER_WRITE_H

#include <stdbool.h>

#include "kernels/core/status.h"

typedef struct alm_folder_write alm_folder_write;

alm_status alm_folder_write_begin(const char *path, bool force, alm_folder_write **out);

/* The folder to fill. */
const char *alm_folder_write_part(const alm_folder_write *folder);

/* Gives the folder its name; alm_folder_write_end must still follow. */
alm_status alm_folder_write_commit(alm_folder_write *folder);

/* Frees; a folder that was not committed is removed. NULL is accepted. */
void alm_folder_write_end(alm_folder_write *folder);

#endif
