/* Decimal numbers in text clouds, the same in every locale.
 *
 * Refused: hexadecimal, decimal commas, digit groups, anything after the number, and tokens that
 * are longer than any sensible number.
 */
#include <locale.h>
#include <stdlib.h>
#include <strings.h>

#include "runtime/input/cloud_parts.h"

enum { LONGEST_NUMBER = 400, EXACT_DIGITS = 15, EXACT_POWER = 22 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(const char *text, size_t count, const char *word)
{
    return count == strlen(word) && strncasecmp(text, word, count) == 0;
}

/* Slow and exact: strtod in the C locale. glibc's C locale is static and costs nothing to make;
 * where it cannot be made, the number counts as unreadable. */
static bool parse_slowly(const char *text, size_t count, double *out)
{
    char copy[LONGEST_NUMBER + 1];
    memcpy(copy, text, count);
    copy[count] = '\0';
    const locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (plain == (locale_t)0) {
        return false;
    }
    const locale_t before = uselocale(plain);
    *out = strtod(copy, NULL);
    uselocale(before);
    freelocale(plain);
    return true;
}

bool almi_number(const char *text, size_t count, double *out)
{
    static const double power[EXACT_POWER + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                  1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (count == 0 || count > LONGEST_NUMBER) {
        return false;
    }
    const char *at = text, *end = text + count;
    const bool negative = *at == '-';
    if (*at == '-' || *at == '+') {
        at++;
    }
    const size_t left = (size_t)(end - at);
    if (is_word(at, left, "nan")) {
        *out = (double)NAN;
        return true;
    }
    if (is_word(at, left, "inf") || is_word(at, left, "infinity")) {
        *out = negative ? -(double)INFINITY : (double)INFINITY;
        return true;
    }
    int digits = 0, significant = 0, after_point = 0, exponent = 0;
    uint64_t mantissa = 0;
    bool point = false;
    for (; at < end && (is_digit(*at) || (*at == '.' && !point)); at++) {
        if (*at == '.') {
            point = true;
            continue;
        }
        digits++;
        after_point += point;
        significant += significant > 0 || *at != '0';
        if (significant <= EXACT_DIGITS) {
            mantissa = mantissa * 10 + (uint64_t)(*at - '0');
        }
    }
    if (digits == 0) {
        return false;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        const bool down = at < end && *at == '-';
        if (at < end && (*at == '-' || *at == '+')) {
            at++;
        }
        if (at == end) {
            return false;
        }
        for (; at < end && is_digit(*at); at++) {
            exponent = exponent < 100000 ? exponent * 10 + (*at - '0') : exponent;
        }
        exponent = down ? -exponent : exponent;
    }
    if (at != end) {
        return false;
    }
    /* A mantissa below 2^53 times or divided by a power of ten below 10^23 is rounded once. */
    const int scale = exponent - after_point;
    if (significant > EXACT_DIGITS || scale > EXACT_POWER || scale < -EXACT_POWER) {
        return parse_slowly(text, count, out);
    }
    const double size =
        scale < 0 ? (double)mantissa / power[-scale] : (double)mantissa * power[scale];
    *out = negative ? -size : size;
    return true;
}

const char *almi_number_hint(const char *text, size_t count)
{
    return memchr(text, ',', count) ? " (numbers are written 1.5, not 1,5)" : "";
}
