/* Numbers from numbers, the same on every machine: the output function of SplitMix64 (Steele, Lea,
 * Flood 2014, "Fast Splittable Pseudorandom Number Generators"), and the hash FNV-1a of a text.
 */
#ifndef ALM_KERNELS_CORE_MIX_H
#define ALM_KERNELS_CORE_MIX_H

#include <stdint.h>

/* What the state of SplitMix64 grows by with every number. */
#define ALM_MIX_STEP UINT64_C(0x9E3779B97F4A7C15)

static inline uint64_t alm_mix(uint64_t z)
{
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* The next number of a stream. */
static inline uint64_t alm_mix_next(uint64_t *state)
{
    return alm_mix(*state += ALM_MIX_STEP);
}

/* NULL is "". */
static inline uint64_t alm_text_hash(const char *text)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    for (const char *c = text ? text : ""; *c; c++) {
        hash = (hash ^ (uint8_t)*c) * UINT64_C(0x100000001B3);
    }
    return hash;
}

#endif
