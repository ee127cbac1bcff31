/* <cuda_bf16.h> of the shim: the 16-bit float, its pairs, conversions and arithmetic. Conversion
 * gives what NVIDIA's header gives for all 2^32 floats. */
#pragma once

#include <cuda_runtime.h>

struct __nv_bfloat16_raw {
    unsigned short x;
};

struct alignas(2) __nv_bfloat16 {
    unsigned short bits;

    __nv_bfloat16() = default;
    __nv_bfloat16(__nv_bfloat16_raw raw) : bits(raw.x)
    {
    }
    __nv_bfloat16(float v) : bits(round(v))
    {
    }
    __nv_bfloat16(double v) : bits(round((float)v))
    {
    }
    __nv_bfloat16(int v) : bits(round((float)v))
    {
    }
    operator float() const
    {
        return __uint_as_float((unsigned)bits << 16);
    }

  private:
    /* To nearest, ties to even; every NaN becomes the same. */
    static unsigned short round(float v)
    {
        const unsigned u = __float_as_uint(v);
        if ((u & 0x7FFFFFFFu) > 0x7F800000u) {
            return 0x7FFF;
        }
        return (unsigned short)((u + 0x7FFFu + (u >> 16 & 1u)) >> 16);
    }
};

struct alignas(4) __nv_bfloat162 {
    __nv_bfloat16 x, y;

    __nv_bfloat162() = default;
    __nv_bfloat162(__nv_bfloat16 lo, __nv_bfloat16 hi) : x(lo), y(hi)
    {
    }
};

typedef __nv_bfloat16 nv_bfloat16;
typedef __nv_bfloat162 nv_bfloat162;

/* ---- Conversions ---- */
static inline __nv_bfloat16 __float2bfloat16_rn(float v)
{
    return __nv_bfloat16(v);
}
static inline __nv_bfloat16 __float2bfloat16(float v)
{
    return __nv_bfloat16(v);
}
static inline __nv_bfloat16 __float2bfloat16_rz(float v)
{
    return v == v ? __nv_bfloat16(__nv_bfloat16_raw{(unsigned short)(__float_as_uint(v) >> 16)})
                  : __nv_bfloat16(v);
}
static inline __nv_bfloat16 __double2bfloat16(double v)
{
    return __nv_bfloat16(v);
}
static inline float __bfloat162float(__nv_bfloat16 v)
{
    return v;
}
static inline __nv_bfloat16 __ushort_as_bfloat16(unsigned short bits)
{
    return __nv_bfloat16_raw{bits};
}
static inline unsigned short __bfloat16_as_ushort(__nv_bfloat16 v)
{
    return v.bits;
}

/* ---- Pairs: x is the lower half ---- */
static inline __nv_bfloat162 make_bfloat162(__nv_bfloat16 lo, __nv_bfloat16 hi)
{
    return {lo, hi};
}
static inline __nv_bfloat162 __halves2bfloat162(__nv_bfloat16 lo, __nv_bfloat16 hi)
{
    return {lo, hi};
}
static inline __nv_bfloat162 __bfloat162bfloat162(__nv_bfloat16 v)
{
    return {v, v};
}
static inline __nv_bfloat162 __floats2bfloat162_rn(float lo, float hi)
{
    return {__nv_bfloat16(lo), __nv_bfloat16(hi)};
}
static inline __nv_bfloat162 __float2bfloat162_rn(float v)
{
    return {__nv_bfloat16(v), __nv_bfloat16(v)};
}
static inline __nv_bfloat162 __float22bfloat162_rn(float2 v)
{
    return {__nv_bfloat16(v.x), __nv_bfloat16(v.y)};
}
static inline float2 __bfloat1622float2(__nv_bfloat162 v)
{
    return {(float)v.x, (float)v.y};
}
static inline float __low2float(__nv_bfloat162 v)
{
    return v.x;
}
static inline float __high2float(__nv_bfloat162 v)
{
    return v.y;
}
static inline __nv_bfloat16 __low2bfloat16(__nv_bfloat162 v)
{
    return v.x;
}
static inline __nv_bfloat16 __high2bfloat16(__nv_bfloat162 v)
{
    return v.y;
}

/* ---- Arithmetic: in float, rounded once ---- */
#define SHIM_BF16(name, operation)                                                                 \
    static inline __nv_bfloat16 operator operation(__nv_bfloat16 a, __nv_bfloat16 b)               \
    {                                                                                              \
        return __nv_bfloat16((float)a operation(float) b);                                         \
    }                                                                                              \
    static inline __nv_bfloat16 name(__nv_bfloat16 a, __nv_bfloat16 b)                             \
    {                                                                                              \
        return a operation b;                                                                      \
    }                                                                                              \
    static inline __nv_bfloat162 name##2(__nv_bfloat162 a, __nv_bfloat162 b)                       \
    {                                                                                              \
        return {a.x operation b.x, a.y operation b.y};                                             \
    }
SHIM_BF16(__hadd, +)
SHIM_BF16(__hsub, -)
SHIM_BF16(__hmul, *)
SHIM_BF16(__hdiv, /)
#undef SHIM_BF16
#define SHIM_BF16(operation)                                                                       \
    static inline bool operator operation(__nv_bfloat16 a, __nv_bfloat16 b)                        \
    {                                                                                              \
        return (float)a operation(float) b;                                                        \
    }
SHIM_BF16(<)
SHIM_BF16(>)
SHIM_BF16(<=)
SHIM_BF16(>=)
SHIM_BF16(==)
SHIM_BF16(!=)
#undef SHIM_BF16
static inline __nv_bfloat16 operator-(__nv_bfloat16 v)
{
    return __ushort_as_bfloat16((unsigned short)(v.bits ^ 0x8000u));
}
static inline __nv_bfloat16 __hfma(__nv_bfloat16 a, __nv_bfloat16 b, __nv_bfloat16 c)
{
    return __nv_bfloat16(fmaf(a, b, c));
}
static inline __nv_bfloat162 __hfma2(__nv_bfloat162 a, __nv_bfloat162 b, __nv_bfloat162 c)
{
    return {__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)};
}
static inline __nv_bfloat16 __hmax(__nv_bfloat16 a, __nv_bfloat16 b)
{
    return __nv_bfloat16(fmaxf(a, b));
}
static inline __nv_bfloat16 __hmin(__nv_bfloat16 a, __nv_bfloat16 b)
{
    return __nv_bfloat16(fminf(a, b));
}
