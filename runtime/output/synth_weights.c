/* Weights by rule (synth_weights.h). */
#include "runtime/output/synth_weights.h"

#include <math.h>
#include <string.h>

#include "kernels/core/mix.h"

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static bool is_bias(const char *name)
{
    return strcmp(name, "bias") == 0 || ends_with(name, ".bias") || ends_with(name, "_bias");
}

alm_weight_rule alm_weight_rule_of(const char *name, const alm_desc *desc, uint64_t seed)
{
    alm_weight_rule rule = {.state = alm_text_hash(name) ^ seed * ALM_MIX_STEP};
    if (ends_with(name, "deepstack_gates")) {
        rule.a = 0.25f;
        rule.c = 0.5f;
    } else if (ends_with(name, "type_embed.weight") || ends_with(name, "pos_embed.weight")) {
        rule.a = 0.5f;
    } else if (ends_with(name, "embed_tokens.weight")) {
        rule.a = 1;
    } else if (is_bias(name)) {
        rule.a = 0.125f;
    } else if (desc->rank == 1) {
        rule.a = 0.25f;
        rule.c = 1;
    } else {
        rule.a = (float)sqrt(3.0 / (double)alm_desc_row(desc));
    }
    return rule;
}

void alm_weight_fill(const alm_weight_rule *rule, int64_t begin, int64_t count, alm_bf16 *out)
{
    uint64_t state = rule->state + (uint64_t)begin * ALM_MIX_STEP;
    for (int64_t i = 0; i < count; i++) {
        const float x = (float)((int32_t)(alm_mix_next(&state) >> 40) - (1 << 23)) * 0x1p-23f;
        /* Rounded after the product and after the sum: the build forbids contraction. */
        const float scaled = x * rule->a;
        out[i] = alm_bf16_from_f32(scaled + rule->c);
    }
}
