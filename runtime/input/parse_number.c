/* Decimal numbers of settings and results (tree.h). The locale has no say. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/input/powers.h"
#include "runtime/input/tree.h"

bool alm_parse_whole(const char *text, int64_t *out)
{
    const bool negative = text[0] == '-';
    int64_t value = 0;
    text += negative;
    if (*text == '\0') {
        return false;
    }
    for (; *text; text++) {
        const int digit = *text - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digit, &value)) { /* downwards: INT64_MIN has no twin */
            return false;
        }
    }
    if (!negative && __builtin_sub_overflow(0, value, &value)) {
        return false;
    }
    *out = value;
    return true;
}

static const char *skip_digits(const char *text)
{
    while (*text >= '0' && *text <= '9') {
        text++;
    }
    return text;
}

/* A number as it is written: the digits before and after the point, and the exponent behind. */
typedef struct written {
    const char *whole, *part;
    size_t n_whole, n_part;
    int64_t exponent;
} written;

/* All digits as one number, and the power of ten that it is to be multiplied with; false: more than
 * 19 digits. */
static bool join(const written *w, uint64_t *digits, int64_t *exponent)
{
    uint64_t value = 0;
    size_t count = 0;
    for (size_t i = 0; i < w->n_whole + w->n_part; i++) {
        const char c = i < w->n_whole ? w->whole[i] : w->part[i - w->n_whole];
        count += count > 0 || c != '0';
        if (count > 19) {
            return false;
        }
        value = value * 10 + (uint64_t)(c - '0');
    }
    *digits = value;
    *exponent = w->exponent - (int64_t)w->n_part;
    return true;
}

enum { SIGNIFICANT = 53 };

/* digits / 10^scale, rounded once (to the nearest, ties to even), for scale < ALM_POWERS_OF_FIVE:
 * what files of results are full of, without a copy for strtod. The quotient by 5^scale of the
 * digits, shifted up as far as 128 bits allow, has at least 64 bits: 53 to keep, the next one, and
 * whether anything is left below. */
static double quotient(uint64_t digits, int scale)
{
    __extension__ typedef unsigned __int128 wide;
    if (digits == 0) {
        return 0;
    }
    const int shift = 64 + __builtin_clzll(digits);
    const wide scaled = (wide)digits << shift;
    const wide q = scaled / alm_power_of_five[scale];
    bool rest = q * alm_power_of_five[scale] != scaled;
    const uint64_t high = (uint64_t)(q >> 64);
    const int bits = high ? 128 - __builtin_clzll(high) : 64 - __builtin_clzll((uint64_t)q);
    const int drop = bits - SIGNIFICANT;
    const uint64_t kept = (uint64_t)(q >> drop);
    const wide below = q & (((wide)1 << drop) - 1), half = (wide)1 << (drop - 1);
    rest = rest || below & (half - 1);
    const bool up = below >= half && (rest || kept % 2);
    return ldexp((double)(kept + up), drop - shift - scale);
}

/* value·10^exponent, correctly rounded: strtod would need the C locale's point, so the text is
 * given to it without one, as "digits" "e" "exponent". */
static bool assemble(const written *w, double *out)
{
    enum { DIGITS = 400 };
    char plain[DIGITS + 32];
    if (w->n_whole + w->n_part > DIGITS || w->exponent < -100000 || w->exponent > 100000) {
        return false;
    }
    memcpy(plain, w->whole, w->n_whole);
    memcpy(plain + w->n_whole, w->part, w->n_part);
    snprintf(plain + w->n_whole + w->n_part, 32, "e%lld",
             (long long)w->exponent - (long long)w->n_part);
    *out = strtod(plain, NULL);
    return isfinite(*out);
}

bool alm_parse_real(const char *text, double *out)
{
    const bool negative = *text == '-';
    written w = {.whole = text + (negative || *text == '+')};
    const char *point = skip_digits(w.whole);
    w.part = point + (*point == '.');
    const char *end = skip_digits(w.part);
    w.n_whole = (size_t)(point - w.whole);
    w.n_part = (size_t)(end - w.part);
    uint64_t digits;
    int64_t exponent;
    if (w.n_whole + w.n_part == 0) {
        return false;
    }
    if (*end == 'e' || *end == 'E') {
        end++;
        end += end[0] == '+' && end[1] != '-';
        if (!alm_parse_whole(end, &w.exponent)) {
            return false;
        }
    } else if (*end) {
        return false;
    }
    if (w.exponent <= 100 && w.exponent >= -100 && join(&w, &digits, &exponent) && exponent <= 0 &&
        exponent > -ALM_POWERS_OF_FIVE) {
        *out = quotient(digits, (int)-exponent);
    } else if (!assemble(&w, out)) {
        return false;
    }
    *out = negative ? -*out : *out;
    return true;
}
