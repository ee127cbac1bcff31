/* How far our bf16 mode may lie from the float64 stages and poses: never farther than the published
 * implementation's own bf16 run, and no farther than its own roundings add up to. */
#ifndef ALM_TESTS_MODELS_BF16_LIMITS_H
#define ALM_TESTS_MODELS_BF16_LIMITS_H

#include "tests/models/golden.h"

/* The sizes that the number of roundings depends on. */
typedef struct alm_bf16_sizes {
    int vision_blocks, bridge_layers, text_layers;
} alm_bf16_sizes;

/* Roundings to BF16 that count for a stage, in units of their error variance; see bf16_limits.c.
 * Negative for stages that bf16 mode does not touch. */
double alm_bf16_roundings(alm_bf16_sizes sizes, const char *stage);

/* The rms of the error that n such roundings leave, over the rms of the stage. */
double alm_bf16_error(double n);

/* Predicts all samples of the golden folder `name` (tiny, sizes_a, sizes_b, sizes_c, demo) in bf16
 * mode and compares stages and poses; failures are failures of the running test. */
void alm_bf16_compare(const char *name, const char *device, int threads);

#endif
