/* Weights by rule: the values of a tensor follow from its name, its shape and a seed alone, so that
 * a full-size model can be made anywhere, bit for bit.
 *
 * The rule (the golden data's README, "Weights by rule"): splitmix64 from the FNV-1a hash of the
 * name, 24 bits a value to x in [-1, 1), w = bf16(f32(f32(x·a) + c)) with a and c by the kind of
 * tensor.
 */
#ifndef ALM_RUNTIME_OUTPUT_SYNTH_WEIGHTS_H
#define ALM_RUNTIME_OUTPUT_SYNTH_WEIGHTS_H

#include <stdint.h>

#include "kernels/core/desc.h"
#include "kernels/core/numeric.h"

/* What is the same for all elements of a tensor. */
typedef struct alm_weight_rule {
    uint64_t state;
    float a, c;
} alm_weight_rule;

/* name: full state-dict name; desc: its shape (the type is not looked at). */
alm_weight_rule alm_weight_rule_of(const char *name, const alm_desc *desc, uint64_t seed);

/* Elements begin ... begin+count−1, row-major. */
void alm_weight_fill(const alm_weight_rule *rule, int64_t begin, int64_t count, alm_bf16 *out);

#endif
