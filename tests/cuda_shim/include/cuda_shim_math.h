/* Bit casts, integer and floating-point functions of CUDA C++ beyond <math.h>. The fast ones
 * (__expf and so on) are the exact ones here, which a GPU's are near to. */
#pragma once

#include "cuda_shim_engine.h"

/* ---- Bit casts ---- */
#define SHIM_CAST(name, to, from)                                                                  \
    static inline to name(from v)                                                                  \
    {                                                                                              \
        return shim::from_bits<to>(shim::to_bits(v));                                              \
    }
SHIM_CAST(__float_as_uint, unsigned, float)
SHIM_CAST(__uint_as_float, float, unsigned)
SHIM_CAST(__float_as_int, int, float)
SHIM_CAST(__int_as_float, float, int)
SHIM_CAST(__double_as_longlong, long long, double)
SHIM_CAST(__longlong_as_double, double, long long)
#undef SHIM_CAST
static inline int __double2hiint(double v)
{
    return (int)(__double_as_longlong(v) >> 32);
}
static inline int __double2loint(double v)
{
    return (int)__double_as_longlong(v);
}
static inline double __hiloint2double(int hi, int lo)
{
    return __longlong_as_double((long long)((uint64_t)(unsigned)hi << 32 | (unsigned)lo));
}

/* ---- Integers ---- */
static inline int __popc(unsigned v)
{
    return __builtin_popcount(v);
}
static inline int __popcll(unsigned long long v)
{
    return __builtin_popcountll(v);
}
static inline int __clz(int v)
{
    return v ? __builtin_clz((unsigned)v) : 32;
}
static inline int __clzll(long long v)
{
    return v ? __builtin_clzll((unsigned long long)v) : 64;
}
static inline int __ffs(int v)
{
    return __builtin_ffs(v);
}
static inline int __ffsll(long long v)
{
    return __builtin_ffsll(v);
}
static inline unsigned __brev(unsigned v)
{
    unsigned reversed = 0;
    for (int i = 0; i < 32; i++) {
        reversed |= (v >> i & 1u) << (31 - i);
    }
    return reversed;
}
static inline int __mul24(int a, int b)
{
    return (int)((int64_t)((int)((unsigned)a << 8) >> 8) * ((int)((unsigned)b << 8) >> 8));
}
static inline unsigned __umul24(unsigned a, unsigned b)
{
    return (a & 0xFFFFFFu) * (b & 0xFFFFFFu);
}
static inline int __mulhi(int a, int b)
{
    return (int)((int64_t)a * b >> 32);
}
static inline unsigned __umulhi(unsigned a, unsigned b)
{
    return (unsigned)((uint64_t)a * b >> 32);
}
static inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b)
{
    return (unsigned long long)((unsigned __int128)a * b >> 64);
}
static inline unsigned __funnelshift_l(unsigned lo, unsigned hi, unsigned shift)
{
    return (unsigned)(((uint64_t)hi << 32 | lo) << (shift & 31) >> 32);
}
static inline unsigned __funnelshift_r(unsigned lo, unsigned hi, unsigned shift)
{
    return (unsigned)(((uint64_t)hi << 32 | lo) >> (shift & 31));
}
/* Byte i of the result is the byte of (y, x) that digit i of the selector names; its top bit asks
 * for copies of the sign. */
static inline unsigned __byte_perm(unsigned x, unsigned y, unsigned selector)
{
    const uint64_t bytes = (uint64_t)y << 32 | x;
    unsigned result = 0;
    for (int i = 0; i < 4; i++) {
        const unsigned digit = selector >> 4 * i & 15u;
        unsigned byte = (unsigned)(bytes >> 8 * (digit & 7u)) & 0xFFu;
        if (digit & 8u) {
            byte = byte & 0x80u ? 0xFFu : 0u;
        }
        result |= byte << 8 * i;
    }
    return result;
}
static inline unsigned __sad(int a, int b, unsigned c)
{
    return c + (a < b ? (unsigned)b - (unsigned)a : (unsigned)a - (unsigned)b);
}

/* ---- min and max: CUDA's overloads ---- */
#define SHIM_MIN_MAX(result, first, second)                                                        \
    static inline result min(first a, second b)                                                    \
    {                                                                                              \
        return (result)b < (result)a ? (result)b : (result)a;                                      \
    }                                                                                              \
    static inline result max(first a, second b)                                                    \
    {                                                                                              \
        return (result)a < (result)b ? (result)b : (result)a;                                      \
    }
SHIM_MIN_MAX(int, int, int)
SHIM_MIN_MAX(unsigned, unsigned, unsigned)
SHIM_MIN_MAX(unsigned, int, unsigned)
SHIM_MIN_MAX(unsigned, unsigned, int)
SHIM_MIN_MAX(long, long, long)
SHIM_MIN_MAX(unsigned long, unsigned long, unsigned long)
SHIM_MIN_MAX(unsigned long, long, unsigned long)
SHIM_MIN_MAX(unsigned long, unsigned long, long)
SHIM_MIN_MAX(long long, long long, long long)
SHIM_MIN_MAX(unsigned long long, unsigned long long, unsigned long long)
SHIM_MIN_MAX(unsigned long long, long long, unsigned long long)
SHIM_MIN_MAX(unsigned long long, unsigned long long, long long)
#undef SHIM_MIN_MAX
#define SHIM_MIN_MAX(type, first, second, suffix)                                                  \
    static inline type min(first a, second b)                                                      \
    {                                                                                              \
        return fmin##suffix(a, b);                                                                 \
    }                                                                                              \
    static inline type max(first a, second b)                                                      \
    {                                                                                              \
        return fmax##suffix(a, b);                                                                 \
    }
SHIM_MIN_MAX(float, float, float, f)
SHIM_MIN_MAX(double, double, double, )
SHIM_MIN_MAX(double, float, double, )
SHIM_MIN_MAX(double, double, float, )
#undef SHIM_MIN_MAX
static inline unsigned umin(unsigned a, unsigned b)
{
    return min(a, b);
}
static inline unsigned umax(unsigned a, unsigned b)
{
    return max(a, b);
}

/* ---- Arithmetic rounded to nearest, never contracted ---- */
#define SHIM_ROUNDED(name, type, expression)                                                       \
    static inline type name(type a, type b)                                                        \
    {                                                                                              \
        return expression;                                                                         \
    }
SHIM_ROUNDED(__fadd_rn, float, a + b)
SHIM_ROUNDED(__fsub_rn, float, a - b)
SHIM_ROUNDED(__fmul_rn, float, a *b)
SHIM_ROUNDED(__fdiv_rn, float, a / b)
SHIM_ROUNDED(__dadd_rn, double, a + b)
SHIM_ROUNDED(__dsub_rn, double, a - b)
SHIM_ROUNDED(__dmul_rn, double, a *b)
SHIM_ROUNDED(__ddiv_rn, double, a / b)
#undef SHIM_ROUNDED
static inline float __fmaf_rn(float a, float b, float c)
{
    return fmaf(a, b, c);
}
static inline double __fma_rn(double a, double b, double c)
{
    return fma(a, b, c);
}
static inline float __fsqrt_rn(float v)
{
    return sqrtf(v);
}
static inline double __dsqrt_rn(double v)
{
    return sqrt(v);
}
static inline float __frcp_rn(float v)
{
    return 1.0f / v;
}
static inline double __drcp_rn(double v)
{
    return 1.0 / v;
}
static inline float __frsqrt_rn(float v)
{
    return (float)(1.0 / sqrt((double)v));
}

/* ---- Functions ---- */
static inline float rsqrtf(float v)
{
    return 1.0f / sqrtf(v);
}
static inline double rsqrt(double v)
{
    return 1.0 / sqrt(v);
}
static inline float __saturatef(float v)
{
    return v > 0.0f ? (v < 1.0f ? v : 1.0f) : 0.0f; /* NaN gives 0 */
}
static inline float fdividef(float a, float b)
{
    return a / b;
}
static inline float sinpif(float v)
{
    return (float)sin(M_PI * fmod((double)v, 2.0));
}
static inline float cospif(float v)
{
    return (float)cos(M_PI * fmod((double)v, 2.0));
}
/* Macros, since the C library has functions of these names. */
#define __expf(v) expf(v)
#define __exp10f(v) exp10f(v)
#define __logf(v) logf(v)
#define __log2f(v) log2f(v)
#define __log10f(v) log10f(v)
#define __powf(v, e) powf(v, e)
#define __sinf(v) sinf(v)
#define __cosf(v) cosf(v)
#define __tanf(v) tanf(v)
#define __sincosf(v, s, c) sincosf(v, s, c)
#define __fdividef(a, b) fdividef(a, b)
#define __tanhf(v) tanhf(v)

/* ---- Conversions ---- */
/* Out-of-range values saturate and NaN becomes 0, as on the GPU. */
static inline int shim_to_int(float v)
{
    if (!(v == v)) {
        return 0;
    }
    return v >= 2147483648.0f ? INT32_MAX : (v <= -2147483648.0f ? INT32_MIN : (int)v);
}
static inline int __float2int_rn(float v)
{
    return shim_to_int(rintf(v));
}
static inline int __float2int_rz(float v)
{
    return shim_to_int(truncf(v));
}
static inline int __float2int_rd(float v)
{
    return shim_to_int(floorf(v));
}
static inline int __float2int_ru(float v)
{
    return shim_to_int(ceilf(v));
}
static inline float __int2float_rn(int v)
{
    return (float)v;
}
static inline float __uint2float_rn(unsigned v)
{
    return (float)v;
}
static inline float __double2float_rn(double v)
{
    return (float)v;
}

#define CUDART_INF_F __builtin_inff()
#define CUDART_NAN_F __builtin_nanf("")
#define CUDART_INF __builtin_inf()
#define CUDART_NAN __builtin_nan("")
