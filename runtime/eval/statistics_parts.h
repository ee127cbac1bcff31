/* Random numbers of the bootstrap and the permutation test (statistics.h): SplitMix64 (mix.h),
 * one stream a resample. */
#ifndef ALM_RUNTIME_EVAL_STATISTICS_PARTS_H
#define ALM_RUNTIME_EVAL_STATISTICS_PARTS_H

#include "kernels/core/mix.h"
#include "runtime/eval/statistics.h"

/* 0 ... count−1: the high part of a product with 64 random bits (Lemire 2019). For counts below
 * 2^31 no value is more probable than another by more than 2^-33 of itself. The product has 96
 * bits; the low 32 of the random word change only its part below 2^64. */
static inline uint32_t almi_random_below(uint64_t *state, uint32_t count)
{
    const uint64_t word = alm_mix_next(state);
    const uint64_t low = (word & 0xFFFFFFFFu) * count, high = (word >> 32) * count;
    return (uint32_t)((high + (low >> 32)) >> 32);
}

/* Where stream `number` of a stratum begins. */
uint64_t almi_random_start(uint64_t seed, uint64_t key, uint64_t number);

/* Refuses what is no option; *clusters: of all strata. */
alm_status almi_begin(const alm_stratum *strata, int count, const alm_bootstrap_options *options,
                      int64_t *clusters);

#endif
