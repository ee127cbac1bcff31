/* A place for printed text, which is handed on in pieces; a failed write sticks. For tables that
 * people read: text that comes from files is printed without control characters.
 */
#ifndef ALM_RUNTIME_OUTPUT_SINK_H
#define ALM_RUNTIME_OUTPUT_SINK_H

#include "runtime/assemlm.h"

/* Begins as {.write = ..., .context = ...}; owns nothing. */
typedef struct alm_sink {
    alm_write_fn *write;
    void *context;
    bool failed;  /* nothing more is handed on */
    size_t bytes; /* of text, not yet handed on */
    char text[4096];
} alm_sink;

/* At most 1,023 bytes a call, the rest is cut off; control characters but the line feed become
 * '?'. */
void alm_sink_print(alm_sink *sink, const char *format, ...) ALM_PRINTF(2, 3);

/* Text of any length, as it is. */
void alm_sink_put(alm_sink *sink, const char *text, size_t bytes);

/* Hands on what was printed: last of all, or nothing may come. Error: ALM_STATUS_OUTPUT, when this
 * or an earlier write failed. */
alm_status alm_sink_flush(alm_sink *sink);

#endif
