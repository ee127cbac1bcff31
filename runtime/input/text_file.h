/* Whole small files: settings and tokenizer files. Refused by path: what cannot be opened, what is
 * not a regular file (a pipe would hang), what is longer than the limit.
 */
#ifndef ALM_RUNTIME_INPUT_TEXT_FILE_H
#define ALM_RUNTIME_INPUT_TEXT_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/core/status.h"

/* *text = the file's bytes and a NUL behind them, owned by the caller (alm_free); *bytes without
 * that NUL. Errors: ALM_STATUS_MODEL, ALM_STATUS_MEMORY. */
alm_status alm_text_file_read(const char *path, size_t limit, char **text, size_t *bytes);

/* *path = "<folder>/<name>", owned by the caller. */
alm_status alm_path_join(const char *folder, const char *name, char **path);

bool alm_is_folder(const char *path);
bool alm_is_file(const char *path);

#endif
