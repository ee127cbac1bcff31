/* Shortest decimal texts of doubles (real_text.h).
 *
 * Every real number between the two midpoints to the neighbouring doubles reads back as the double
 * (the midpoints too, when its last bit is 0). Among the multiples of 10^k in that interval, for
 * the largest k for which there is one, the nearest to the double is the answer. From 1e-15 to
 * 1e17, which is all that a benchmark ever writes, the interval scaled by a power of ten fits into
 * 128 bits and the arithmetic is exact; elsewhere candidates are printed and read back.
 */
#include "runtime/output/real_text.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/input/powers.h"
#include "runtime/input/tree.h"

__extension__ typedef unsigned __int128 wide;

/* digits·10^exponent; the last digit is not 0. */
typedef struct decimal {
    uint64_t digits;
    int exponent;
} decimal;

enum { SIGNIFICANT = 53, MOST_SCALE = 31 };

static wide power_of_five(int n)
{
    enum { LAST = ALM_POWERS_OF_FIVE - 1 };
    return n <= LAST ? alm_power_of_five[n]
                     : (wide)alm_power_of_five[LAST] * alm_power_of_five[n - LAST];
}

/* The interval of a double, its value and the ends, all times 10^scale·2^shift. */
typedef struct interval {
    wide low, value, high;
    int shift;
    bool closed; /* the ends belong to it */
} interval;

static bool is_inside(const interval *i, uint64_t candidate)
{
    const wide c = (wide)candidate << i->shift;
    return i->closed ? c >= i->low && c <= i->high : c > i->low && c < i->high;
}

/* The multiple of `unit` in the interval that is nearest to the value; of two, the even one. */
static uint64_t nearest(const interval *i, uint64_t unit)
{
    const uint64_t below = (uint64_t)(i->value >> i->shift) / unit * unit, above = below + unit;
    const wide down = i->value - ((wide)below << i->shift);
    const wide up = ((wide)above << i->shift) - i->value;
    if (!is_inside(i, below) || !is_inside(i, above)) {
        return is_inside(i, below) ? below : above;
    }
    return down < up || (down == up && below / unit % 2 == 0) ? below : above;
}

/* fraction·2^exponent, fraction of 53 bits, from 1e-15 to 1e17; false elsewhere. */
static bool exact(uint64_t fraction, int exponent, decimal *out)
{
    /* floor(log10) or one less. (The constant is log10(2) less 7e-10; no power of two in question
     * lies so near to a power of ten.) So the scaled value is from 1e16 to 2e17. */
    const int power = (int)floor((exponent + SIGNIFICANT - 1) * 0.301029995);
    const int scale = 16 - power;
    if (scale < 0 || scale > MOST_SCALE) {
        return false;
    }
    const wide five = power_of_five(scale);
    interval i = {.value = 4 * fraction * five,
                  .high = (4 * fraction + 2) * five,
                  /* Below a power of two the doubles are twice as dense. */
                  .low = (4 * fraction - (fraction == UINT64_C(1) << (SIGNIFICANT - 1) ? 1 : 2)) *
                         five,
                  .shift = -(exponent - 2 + scale),
                  .closed = fraction % 2 == 0};
    if (i.shift < 0) {
        i.value <<= -i.shift;
        i.high <<= -i.shift;
        i.low <<= -i.shift;
        i.shift = 0;
    }
    /* The interval is longer than 1, so that unit 1 always passes. */
    const uint64_t top = (uint64_t)(i.high >> i.shift);
    uint64_t unit = 1;
    int zeros = 0;
    for (uint64_t wider = 10; wider <= top; wider *= 10) {
        const uint64_t last = top / wider * wider;
        if (!is_inside(&i, last) && !(last > wider && is_inside(&i, last - wider))) {
            break;
        }
        unit = wider;
        zeros++;
    }
    *out = (decimal){.digits = nearest(&i, unit) / unit, .exponent = zeros - scale};
    return true;
}

static bool reads_as(uint64_t digits, int exponent, double value)
{
    char text[64];
    double back;
    snprintf(text, sizeof text, "%llue%d", (unsigned long long)digits, exponent);
    return alm_parse_real(text, &back) && memcmp(&back, &value, sizeof value) == 0;
}

/* The digits of printf, whatever the locale puts between them. */
static decimal printed(double value, int count)
{
    char text[64];
    decimal d = {0, 0};
    snprintf(text, sizeof text, "%.*e", count - 1, value);
    const char *at = text;
    for (; *at && *at != 'e'; at++) {
        if (*at >= '0' && *at <= '9') {
            d.digits = d.digits * 10 + (uint64_t)(*at - '0');
        }
    }
    d.exponent = *at ? (int)strtol(at + 1, NULL, 10) - (count - 1) : 0;
    return d;
}

/* Any positive double, by trial. */
static decimal tried(double value)
{
    decimal d = {0, 0};
    for (int count = 1; count <= 17; count++) {
        d = printed(value, count);
        if (reads_as(d.digits, d.exponent, value)) {
            break;
        }
        /* At a power of two the interval reaches further up than down. */
        if (reads_as(d.digits + 1, d.exponent, value)) {
            d.digits++;
            break;
        }
    }
    while (d.digits % 10 == 0 && d.digits) {
        d.digits /= 10;
        d.exponent++;
    }
    return d;
}

static size_t put_fixed(char *text, const char *digit, int count, int point)
{
    size_t n = 0;
    if (point <= 0) {
        text[n++] = '0';
        text[n++] = '.';
        for (int i = point; i < 0; i++) {
            text[n++] = '0';
        }
    }
    for (int i = 0; i < count || i < point; i++) {
        if (i == point && i > 0) {
            text[n++] = '.';
        }
        text[n++] = i < count ? digit[i] : '0';
    }
    if (count <= point) {
        text[n++] = '.';
        text[n++] = '0';
    }
    return n;
}

static size_t put_exponent(char *text, const char *digit, int count, int exponent)
{
    size_t n = 0;
    text[n++] = digit[0];
    if (count > 1) {
        text[n++] = '.';
        memcpy(text + n, digit + 1, (size_t)count - 1);
        n += (size_t)count - 1;
    }
    text[n++] = 'e';
    text[n++] = exponent < 0 ? '-' : '+';
    const int size = abs(exponent);
    if (size >= 100) {
        text[n++] = (char)('0' + size / 100);
    }
    text[n++] = (char)('0' + size / 10 % 10);
    text[n++] = (char)('0' + size % 10);
    return n;
}

size_t alm_real_text(double value, char text[ALM_REAL_TEXT])
{
    char digit[24];
    size_t n = 0;
    int first = (int)sizeof digit;
    if (signbit(value)) {
        text[n++] = '-';
        value = -value;
    }
    if (value == 0) {
        memcpy(text + n, "0.0", 4);
        return n + 3;
    }
    uint64_t bits;
    decimal d;
    memcpy(&bits, &value, sizeof bits);
    /* The exponent is 0 for subnormal numbers, which are not in the range of exact(). */
    const uint64_t top = UINT64_C(1) << (SIGNIFICANT - 1);
    const int exponent = (int)(bits >> (SIGNIFICANT - 1)) - 1075;
    if (!exact((bits & (top - 1)) | top, exponent, &d)) {
        d = tried(value);
    }
    uint64_t rest = d.digits;
    for (; rest >= 100; rest /= 100) { /* divisions take longest */
        const unsigned pair = (unsigned)(rest % 100);
        digit[--first] = (char)('0' + pair % 10);
        digit[--first] = (char)('0' + pair / 10);
    }
    for (; rest; rest /= 10) {
        digit[--first] = (char)('0' + rest % 10);
    }
    const int count = (int)sizeof digit - first, point = count + d.exponent;
    n += point > -4 && point <= 16 ? put_fixed(text + n, digit + first, count, point)
                                   : put_exponent(text + n, digit + first, count, point - 1);
    text[n] = '\0';
    return n;
}
