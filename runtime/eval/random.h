/* The random numbers that AssemBench is defined by (assembench.md 2): the Mersenne twister MT19937
 * in the two ways in which CPython, NumPy and PyTorch seed it, and CPython's shuffle.
 *
 * Source: M. Matsumoto, T. Nishimura, "Mersenne Twister: A 623-Dimensionally Equidistributed
 * Uniform Pseudo-Random Number Generator", ACM TOMACS 8 (1998), with the seeding of 2002.
 */
#ifndef ALM_RUNTIME_EVAL_RANDOM_H
#define ALM_RUNTIME_EVAL_RANDOM_H

#include <stdint.h>

#include "kernels/core/status.h"

enum { ALM_MT19937_WORDS = 624 };

typedef struct alm_mt19937 {
    uint32_t word[ALM_MT19937_WORDS];
    int at; /* the next word to be given out; ALM_MT19937_WORDS: none is left */
} alm_mt19937;

/* init_genrand: NumPy's RandomState(seed), PyTorch's manual_seed(seed). */
void alm_mt19937_seed(alm_mt19937 *generator, uint32_t seed);
/* init_by_array: CPython's random.seed(n), whose 32-bit words, low ones first, are the key. count
 * >= 1. */
void alm_mt19937_seed_array(alm_mt19937 *generator, const uint32_t *key, int count);
/* 32 random bits. */
uint32_t alm_mt19937_next(alm_mt19937 *generator);

/* What CPython's random.seed(seed); shuffle(list(range(n))) leaves in the list. order: [n].
 * Error: ALM_STATUS_SAMPLE unless 0 <= n < 2^32. */
alm_status alm_random_order(uint32_t seed, int64_t n, uint32_t *order);

#endif
