/* Conversions between number formats, the same on every machine. */
#ifndef ALM_KERNELS_CORE_NUMERIC_H
#define ALM_KERNELS_CORE_NUMERIC_H

#include <stdint.h>
#include <string.h>

typedef uint16_t alm_bf16; /* the upper half of a float32 */

static inline float alm_bf16_to_f32(alm_bf16 bits)
{
    const uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

/* Round to nearest, ties to even; NaN stays NaN. */
static inline alm_bf16 alm_bf16_from_f32(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u) {
        return (alm_bf16)(bits >> 16 | 0x40u);
    }
    return (alm_bf16)((bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16);
}

/* IEEE half to float32, exact, subnormals included. */
float alm_f16_to_f32(uint16_t bits);

/* Element i of a weight, which is F32 or BF16. */
#define alm_weight_at(is_bf16, data, i)                                                            \
    ((is_bf16) ? alm_bf16_to_f32(((const alm_bf16 *)(data))[i]) : ((const float *)(data))[i])

/* Stores a value as F32 or, rounded, as BF16. */
#define alm_value_store(is_bf16, data, i, value)                                                   \
    ((is_bf16) ? (void)(((alm_bf16 *)(data))[i] = alm_bf16_from_f32(value))                        \
               : (void)(((float *)(data))[i] = (value)))

#endif
