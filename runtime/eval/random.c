#include "runtime/eval/random.h"

enum { WORDS = ALM_MT19937_WORDS, MIDDLE = 397 };

void alm_mt19937_seed(alm_mt19937 *generator, uint32_t seed)
{
    uint32_t *word = generator->word;
    word[0] = seed;
    for (uint32_t i = 1; i < WORDS; i++) {
        word[i] = 1812433253u * (word[i - 1] ^ (word[i - 1] >> 30)) + i;
    }
    generator->at = WORDS;
}

void alm_mt19937_seed_array(alm_mt19937 *generator, const uint32_t *key, int count)
{
    alm_mt19937_seed(generator, 19650218u);
    uint32_t *word = generator->word;
    int i = 1, j = 0;
    for (int k = count > WORDS ? count : WORDS; k > 0; k--) {
        word[i] =
            (word[i] ^ ((word[i - 1] ^ (word[i - 1] >> 30)) * 1664525u)) + key[j] + (uint32_t)j;
        if (++i == WORDS) {
            word[0] = word[WORDS - 1];
            i = 1;
        }
        j = j + 1 < count ? j + 1 : 0;
    }
    for (int k = WORDS - 1; k > 0; k--) {
        word[i] = (word[i] ^ ((word[i - 1] ^ (word[i - 1] >> 30)) * 1566083941u)) - (uint32_t)i;
        if (++i == WORDS) {
            word[0] = word[WORDS - 1];
            i = 1;
        }
    }
    word[0] = 0x80000000u;
}

/* One step of the recurrence: the high bit of one word, the others of the next. */
static uint32_t mix(uint32_t high, uint32_t low, uint32_t middle)
{
    const uint32_t y = (high & 0x80000000u) | (low & 0x7FFFFFFFu);
    return middle ^ (y >> 1) ^ (-(y & 1u) & 0x9908B0DFu);
}

static void refill(alm_mt19937 *generator)
{
    uint32_t *word = generator->word;
    for (int i = 0; i < WORDS - MIDDLE; i++) {
        word[i] = mix(word[i], word[i + 1], word[i + MIDDLE]);
    }
    for (int i = WORDS - MIDDLE; i < WORDS - 1; i++) {
        word[i] = mix(word[i], word[i + 1], word[i + MIDDLE - WORDS]);
    }
    word[WORDS - 1] = mix(word[WORDS - 1], word[0], word[MIDDLE - 1]);
    generator->at = 0;
}

uint32_t alm_mt19937_next(alm_mt19937 *generator)
{
    if (generator->at >= WORDS) {
        refill(generator);
    }
    uint32_t y = generator->word[generator->at++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9D2C5680u;
    y ^= (y << 15) & 0xEFC60000u;
    return y ^ (y >> 18);
}

alm_status alm_random_order(uint32_t seed, int64_t n, uint32_t *order)
{
    if (n < 0 || n > (int64_t)UINT32_MAX) {
        return alm_fail(ALM_STATUS_SAMPLE, "order: %lld samples, expected 0 to 2^32 - 1",
                        (long long)n);
    }
    alm_mt19937 generator;
    alm_mt19937_seed_array(&generator, &seed, 1);
    for (int64_t i = 0; i < n; i++) {
        order[i] = (uint32_t)i;
    }
    for (int64_t i = n - 1; i > 0; i--) {
        /* randbelow(i + 1): as many high bits as i + 1 has. */
        const int shift = __builtin_clz((uint32_t)(i + 1));
        uint32_t j;
        do {
            j = alm_mt19937_next(&generator) >> shift;
        } while (j > (uint32_t)i);
        const uint32_t last = order[i];
        order[i] = order[j];
        order[j] = last;
    }
    return ALM_OK;
}
