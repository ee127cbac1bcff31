/* Strict UTF-8 for texts from files and from users. */
#include "runtime/input/utf8.h"

#include <stdbool.h>

size_t alm_utf8_read(const char *text, size_t bytes, uint32_t *code)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *s = (const unsigned char *)text;
    if (bytes == 0) {
        return 0;
    }
    if (s[0] < 0x80) {
        *code = s[0];
        return 1;
    }
    if (s[0] < 0xC2 || s[0] > 0xF4) {
        return 0;
    }
    const size_t n = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
    if (n > bytes) {
        return 0;
    }
    uint32_t value = s[0] & (0xFFu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xC0) != 0x80) {
            return 0;
        }
        value = value << 6 | (s[i] & 0x3Fu);
    }
    if (value < least[n] || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) {
        return 0;
    }
    *code = value;
    return n;
}

size_t alm_utf8_write(uint32_t code, char text[4])
{
    unsigned char *s = (unsigned char *)text;
    if (code < 0x80) {
        s[0] = (unsigned char)code;
        return 1;
    }
    const size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--) {
        s[i] = (unsigned char)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    s[0] = (unsigned char)((0xF00u >> n & 0xF0) | code);
    return n;
}

size_t alm_utf8_check(const char *text, size_t bytes)
{
    size_t at = 0;
    while (at < bytes) {
        uint32_t code;
        const bool ascii = (unsigned char)text[at] < 0x80;
        const size_t n = ascii ? 1 : alm_utf8_read(text + at, bytes - at, &code);
        if (n == 0) {
            return at;
        }
        at += n;
    }
    return at;
}
