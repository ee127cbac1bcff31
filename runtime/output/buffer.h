/* Bytes that grow, for what is built in memory before it is written. The first failure stays in
 * `status` and makes what follows do nothing, so that builders check once at the end.
 */
#ifndef ALM_RUNTIME_OUTPUT_BUFFER_H
#define ALM_RUNTIME_OUTPUT_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/core/status.h"

/* Zero-initialise. */
typedef struct alm_buffer {
    uint8_t *data;
    size_t count, capacity;
    alm_status status;
} alm_buffer;

void alm_buffer_add(alm_buffer *buffer, const void *data, size_t bytes);
void alm_buffer_text(alm_buffer *buffer, const char *text);
/* At most 1,000 bytes; longer results are ALM_STATUS_INTERNAL. */
void alm_buffer_format(alm_buffer *buffer, const char *format, ...) ALM_PRINTF(2, 3);
/* Little-endian, in so many bytes (at most 8). */
void alm_buffer_number(alm_buffer *buffer, uint64_t value, int bytes);
/* A JSON string with its quotes. text: valid UTF-8. */
void alm_buffer_json(alm_buffer *buffer, const char *text, size_t bytes);
void alm_buffer_free(alm_buffer *buffer); /* resets it */

#endif
