/* Python's decode("utf-8", "ignore"), strip() and rsplit("_", 1), as far as names need them. */
#include "runtime/input/asset_name.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "runtime/input/utf8.h"

static bool is_padding(char c)
{
    return c == '\0' || c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

size_t alm_asset_decode(char **text, size_t bytes)
{
    char *begin = *text;
    size_t at = alm_utf8_check(begin, bytes), kept = at;
    /* Byte by byte comes to what Python does, which drops the longest beginning of a sequence at
     * once: its other bytes begin none. */
    while (at < bytes) {
        uint32_t code;
        const size_t n = alm_utf8_read(begin + at, bytes - at, &code);
        memmove(begin + kept, begin + at, n);
        kept += n;
        at += n ? n : 1;
    }
    while (kept > 0 && is_padding(begin[kept - 1])) {
        kept--;
    }
    while (kept > 0 && is_padding(*begin)) {
        begin++;
        kept--;
    }
    *text = begin;
    return kept;
}

/* str.isspace of Python. */
static bool is_space(uint32_t c)
{
    return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}

size_t alm_asset_strip(const char **text, size_t bytes)
{
    const char *begin = *text, *end = begin + bytes;
    uint32_t code;
    while (begin < end) {
        const size_t n = alm_utf8_read(begin, (size_t)(end - begin), &code);
        if (n == 0 || !is_space(code)) {
            break;
        }
        begin += n;
    }
    while (begin < end) {
        const char *last = end - 1;
        while (last > begin && ((unsigned char)*last & 0xC0) == 0x80) {
            last--;
        }
        if (alm_utf8_read(last, (size_t)(end - last), &code) == 0 || !is_space(code)) {
            break;
        }
        end = last;
    }
    *text = begin;
    return (size_t)(end - begin);
}

void alm_asset_key(char *name, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (name[i] == '/') {
            name[i] = '_';
        }
    }
}

size_t alm_asset_family(const char *key, size_t bytes)
{
    for (size_t i = bytes; i > 0; i--) {
        if (key[i - 1] == '_') {
            return i - 1;
        }
    }
    return bytes;
}
