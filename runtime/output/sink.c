#include "runtime/output/sink.h"

#include <stdarg.h>
#include <stdio.h>

static void hand_on(alm_sink *s, const char *text, size_t bytes)
{
    if (bytes > 0 && !s->failed) {
        s->failed = s->write(s->context, text, bytes) != 0;
    }
}

alm_status alm_sink_flush(alm_sink *s)
{
    hand_on(s, s->text, s->bytes);
    s->bytes = 0;
    return s->failed ? alm_fail(ALM_STATUS_OUTPUT, "the output could not be written") : ALM_OK;
}

void alm_sink_print(alm_sink *s, const char *format, ...)
{
    enum { MOST = 1024 };
    if (sizeof s->text - s->bytes < MOST) {
        hand_on(s, s->text, s->bytes);
        s->bytes = 0;
    }
    char *text = s->text + s->bytes;
    va_list args;
    va_start(args, format);
    vsnprintf(text, MOST, format, args);
    va_end(args);
    for (; *text; text++) {
        if (((unsigned char)*text < 0x20 && *text != '\n') || *text == 0x7F) {
            *text = '?';
        }
    }
    s->bytes = (size_t)(text - s->text);
}

void alm_sink_put(alm_sink *s, const char *text, size_t bytes)
{
    hand_on(s, s->text, s->bytes);
    s->bytes = 0;
    hand_on(s, text, bytes);
}
