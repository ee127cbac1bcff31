/* Random numbers and angles of the synthetic assemblies (synth_data.c), the same on every machine:
 * splitmix64 in 64-bit integers, and sine and cosine by polynomials in double, because the last
 * bits of libm's differ between versions.
 */
#ifndef ALM_RUNTIME_OUTPUT_SYNTH_RANDOM_H
#define ALM_RUNTIME_OUTPUT_SYNTH_RANDOM_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernels/core/mix.h"

typedef struct alm_random {
    uint64_t state;
} alm_random;

static inline uint64_t alm_random_next(alm_random *r)
{
    return alm_mix_next(&r->state);
}

/* A stream of its own for each (seed, index, purpose): none depends on how far another was read. */
static inline alm_random alm_random_of(uint64_t seed, uint64_t index, uint64_t purpose)
{
    alm_random r = {alm_mix(seed + ALM_MIX_STEP)};
    r.state = alm_mix(r.state ^ (index * UINT64_C(0xD1342543DE82EF95) + purpose));
    return r;
}

/* [0, 1) in steps of 2^-53. */
static inline double alm_random_uniform(alm_random *r)
{
    return (double)(alm_random_next(r) >> 11) * 0x1p-53;
}

static inline double alm_random_between(alm_random *r, double low, double high)
{
    return low + (high - low) * alm_random_uniform(r);
}

/* 0 ... n−1; n >= 1. */
static inline int alm_random_below(alm_random *r, int n)
{
    return (int)((alm_random_next(r) >> 32) * (uint64_t)n >> 32);
}

static inline bool alm_random_chance(alm_random *r, double probability)
{
    return alm_random_uniform(r) < probability;
}

/* Cosine and sine of a whole number of turns and fractions: 0.25 is a right angle. The Taylor
 * series to the 16th power on [-1/8, 1/8] turns: below 1e-16. */
static inline void alm_turn(double turns, double *cosine, double *sine)
{
    const double t = turns - floor(turns), quarters = floor(t * 4 + 0.5);
    const double a = (t - quarters * 0.25) * 6.283185307179586477, q = a * a;
    double s = -1.0 / 1307674368000.0, c = 1.0 / 20922789888000.0;
    static const double of_sine[7] = {
        1.0 / 6227020800.0, -1.0 / 39916800, 1.0 / 362880, -1.0 / 5040, 1.0 / 120, -1.0 / 6, 1};
    static const double of_cosine[8] = {
        -1.0 / 87178291200.0, 1.0 / 479001600, -1.0 / 3628800, 1.0 / 40320,
        -1.0 / 720,           1.0 / 24,        -1.0 / 2,       1};
    for (int i = 0; i < 7; i++) {
        s = s * q + of_sine[i];
    }
    for (int i = 0; i < 8; i++) {
        c = c * q + of_cosine[i];
    }
    s *= a;
    switch ((int)quarters & 3) {
    case 0: *cosine = c, *sine = s; break;
    case 1: *cosine = -s, *sine = c; break;
    case 2: *cosine = -c, *sine = -s; break;
    default: *cosine = s, *sine = -c; break;
    }
}

#endif
