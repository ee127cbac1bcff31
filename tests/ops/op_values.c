/* Elements of any type as doubles, and random ones. */
#include "tests/ops/op_values.h"

#include "kernels/core/numeric.h"
#include "tests/ops/op_test.h"
#include "tests/shim/alm_test.h"

bool alm_test_is_float(alm_dtype dtype)
{
    return dtype == ALM_DTYPE_F32 || dtype == ALM_DTYPE_BF16 || dtype == ALM_DTYPE_F16 ||
           dtype == ALM_DTYPE_F64;
}

double alm_test_number(alm_dtype dtype, const void *data, int64_t i)
{
    switch (dtype) {
    case ALM_DTYPE_F32: return ((const float *)data)[i];
    case ALM_DTYPE_F64: return ((const double *)data)[i];
    case ALM_DTYPE_BF16: return alm_bf16_to_f32(((const alm_bf16 *)data)[i]);
    case ALM_DTYPE_F16: return alm_f16_to_f32(((const uint16_t *)data)[i]);
    case ALM_DTYPE_I64: return (double)((const int64_t *)data)[i];
    case ALM_DTYPE_I32: return ((const int32_t *)data)[i];
    case ALM_DTYPE_I16: return ((const int16_t *)data)[i];
    case ALM_DTYPE_I8: return ((const int8_t *)data)[i];
    case ALM_DTYPE_U8:
    case ALM_DTYPE_BOOL: return ((const uint8_t *)data)[i];
    case ALM_DTYPE_NONE: break;
    }
    return (double)NAN;
}

void alm_test_store(alm_dtype dtype, void *data, int64_t i, double value)
{
    switch (dtype) {
    case ALM_DTYPE_F32: ((float *)data)[i] = (float)value; break;
    case ALM_DTYPE_F64: ((double *)data)[i] = value; break;
    case ALM_DTYPE_BF16: ((alm_bf16 *)data)[i] = alm_bf16_from_f32((float)value); break;
    case ALM_DTYPE_I64: ((int64_t *)data)[i] = (int64_t)value; break;
    case ALM_DTYPE_I32: ((int32_t *)data)[i] = (int32_t)value; break;
    case ALM_DTYPE_I16: ((int16_t *)data)[i] = (int16_t)value; break;
    case ALM_DTYPE_I8:
    case ALM_DTYPE_U8:
    case ALM_DTYPE_BOOL: ((uint8_t *)data)[i] = (uint8_t)value; break;
    case ALM_DTYPE_F16:
    case ALM_DTYPE_NONE: break;
    }
}

/* In [0, 1). */
static double unit_random(void)
{
    return (double)(alm_test_random() >> 11) * 0x1p-53;
}

void alm_test_fill(const alm_desc *desc, double low, double high, void *data)
{
    const alm_dtype dtype = desc->dtype;
    const bool floating = alm_test_is_float(dtype);
    if (low == 0 && high == 0) {
        low = floating ? -1 : 0;
        high = floating ? 1 : dtype == ALM_DTYPE_U8 ? 255 : 0;
    }
    for (int64_t i = 0; i < alm_desc_count(desc); i++) {
        const double at = unit_random();
        alm_test_store(dtype, data, i,
                       floating ? low + (high - low) * at : low + floor((high - low + 1) * at));
    }
}
