/* UTF-8, strictly: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef ALM_RUNTIME_INPUT_UTF8_H
#define ALM_RUNTIME_INPUT_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the sequence at text (1 to 4) and its code point, or 0 when it is not valid within
 * `bytes`. */
size_t alm_utf8_read(const char *text, size_t bytes, uint32_t *code);

/* Writes a code point (valid: below 0x110000, no surrogate), returns 1 to 4. */
size_t alm_utf8_write(uint32_t code, char text[4]);

/* Offset of the first byte that is not part of valid UTF-8; `bytes` when all is. */
size_t alm_utf8_check(const char *text, size_t bytes);

#endif
