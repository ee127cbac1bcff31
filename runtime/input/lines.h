/* A file or a stream line by line, as the lines come: lists of samples, texts.
 *
 * Memory is bounded: of a line longer than the limit only its length is kept, and the next one is
 * read as usual. Refused, by name: what cannot be opened or read.
 */
#ifndef ALM_RUNTIME_INPUT_LINES_H
#define ALM_RUNTIME_INPUT_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/core/status.h"

typedef struct alm_lines alm_lines;

typedef struct alm_line {
    const char *text; /* without its end; not NUL-terminated; NULL at the end of the file */
    size_t bytes;
    int64_t number; /* from 1 */
    bool is_blank;
    bool is_too_long; /* text holds nothing then */
} alm_line;

/* "-": stdin. Errors: ALM_STATUS_SAMPLE with the path and the system's reason, ALM_STATUS_MEMORY.
 */
alm_status alm_lines_open(const char *path, size_t limit, alm_lines **out);

/* The line is valid until the next call. */
alm_status alm_lines_next(alm_lines *lines, alm_line *out);

/* NULL is accepted. */
void alm_lines_close(alm_lines *lines);

#endif
