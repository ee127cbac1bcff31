/* Bytes that grow (buffer.h). */
#include "runtime/output/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernels/core/memory.h"

enum { FORMAT_BYTES = 1001 };

void alm_buffer_add(alm_buffer *b, const void *data, size_t bytes)
{
    size_t need = 0;
    if (b->status == ALM_OK) {
        b->status = alm_add_size(b->count, bytes, "output", &need);
    }
    if (b->status == ALM_OK) {
        b->status = alm_reserve(need, 1, "output", &b->data, &b->capacity);
    }
    if (b->status == ALM_OK && bytes) {
        memcpy(b->data + b->count, data, bytes);
        b->count += bytes;
    }
}

void alm_buffer_text(alm_buffer *b, const char *text)
{
    alm_buffer_add(b, text, strlen(text));
}

void alm_buffer_format(alm_buffer *b, const char *format, ...)
{
    char text[FORMAT_BYTES];
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0 || n >= FORMAT_BYTES) {
        b->status = alm_fail(ALM_STATUS_INTERNAL, "a text of %d bytes is to be formatted", n);
        return;
    }
    alm_buffer_add(b, text, (size_t)n);
}

void alm_buffer_number(alm_buffer *b, uint64_t value, int bytes)
{
    uint8_t out[8];
    for (int i = 0; i < bytes; i++) {
        out[i] = (uint8_t)(value >> 8 * i);
    }
    alm_buffer_add(b, out, (size_t)bytes);
}

void alm_buffer_json(alm_buffer *b, const char *text, size_t bytes)
{
    alm_buffer_text(b, "\"");
    for (size_t i = 0; i < bytes; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c < 0x20) {
            alm_buffer_format(b, "\\u%04x", c);
            continue;
        }
        if (c == '"' || c == '\\') {
            alm_buffer_text(b, "\\");
        }
        alm_buffer_add(b, text + i, 1);
    }
    alm_buffer_text(b, "\"");
}

void alm_buffer_free(alm_buffer *b)
{
    alm_free(b->data);
    *b = (alm_buffer){0};
}
