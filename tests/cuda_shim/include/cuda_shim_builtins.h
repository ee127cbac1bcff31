/* Qualifiers, indices, barriers, warp collectives, atomics and loads of CUDA C++ on the CPU. */
#pragma once

#include "cuda_shim_engine.h"

/* ---- Qualifiers ---- */
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __constant__ static
#define __launch_bounds__(...)
#define __maxnreg__(...)
#define __grid_constant__
#define __align__(n) __attribute__((aligned(n)))
#define __restrict__ __restrict
/* Plain __shared__ would neither be refilled for every block nor be watched for races. */
#define __shared__                                                                                 \
    static_assert(false, "declare shared memory with SHARED or take it from the arena");

#define threadIdx (::shim::current->index)
static const int warpSize = 32;

/* ---- Barriers and fences ---- */
static inline void __syncthreads(SHIM_PLACE)
{
    shim::barrier("__syncthreads", 0, 0, 0, SHIM_AT);
}
static inline int __syncthreads_count(int predicate, SHIM_PLACE)
{
    return shim::barrier("__syncthreads_count", 0, 0, predicate != 0, SHIM_AT);
}
static inline int __syncthreads_or(int predicate, SHIM_PLACE)
{
    return shim::barrier("__syncthreads_or", 0, 0, predicate != 0, SHIM_AT) != 0;
}
static inline int __syncthreads_and(int predicate, SHIM_PLACE)
{
    return shim::barrier("__syncthreads_and", 0, 0, predicate == 0, SHIM_AT) == 0;
}
static inline void __syncwarp(unsigned mask = 0xFFFFFFFFu, SHIM_PLACE)
{
    shim::warp_collective("__syncwarp", shim::op_none, mask, SHIM_AT);
}
static inline void __threadfence()
{
    shim::fence();
    shim::yield_point();
}
static inline void __threadfence_block()
{
    __threadfence();
}
static inline void __threadfence_system()
{
    __threadfence();
}
static inline void __nanosleep(unsigned)
{
    shim::spin_wait();
}
static inline unsigned __activemask()
{
    return shim::active_lanes();
}
[[noreturn]] static inline void __trap()
{
    shim::fail("__trap");
}

/* ---- Shuffles: values of 4 or 8 bytes, widths 2, 4 ... 32 ---- */
template <class T> T __shfl_sync(unsigned mask, T v, int lane, int width = 32, SHIM_PLACE)
{
    const int me = (int)shim::current->lane;
    const int source = (me & ~(width - 1)) | (lane & (width - 1));
    return shim::from_bits<T>(
        shim::collect("__shfl_sync", shim::op_shuffle, mask, shim::to_bits(v), source, SHIM_AT));
}
template <class T> T __shfl_xor_sync(unsigned mask, T v, int lane_mask, int width = 32, SHIM_PLACE)
{
    const int me = (int)shim::current->lane;
    const int other = me ^ lane_mask;
    const int source = other / width > me / width ? me : other;
    return shim::from_bits<T>(shim::collect("__shfl_xor_sync", shim::op_shuffle, mask,
                                            shim::to_bits(v), source, SHIM_AT));
}
template <class T>
T __shfl_down_sync(unsigned mask, T v, unsigned delta, int width = 32, SHIM_PLACE)
{
    const int me = (int)shim::current->lane;
    const int source = (me & (width - 1)) + (int)delta >= width ? me : me + (int)delta;
    return shim::from_bits<T>(shim::collect("__shfl_down_sync", shim::op_shuffle, mask,
                                            shim::to_bits(v), source, SHIM_AT));
}
template <class T> T __shfl_up_sync(unsigned mask, T v, unsigned delta, int width = 32, SHIM_PLACE)
{
    const int me = (int)shim::current->lane;
    const int source = (me & (width - 1)) < (int)delta ? me : me - (int)delta;
    return shim::from_bits<T>(
        shim::collect("__shfl_up_sync", shim::op_shuffle, mask, shim::to_bits(v), source, SHIM_AT));
}

/* ---- Votes, matches, reductions ---- */
static inline unsigned __ballot_sync(unsigned mask, int predicate, SHIM_PLACE)
{
    return (unsigned)shim::collect("__ballot_sync", shim::op_ballot, mask, predicate != 0, 0,
                                   SHIM_AT);
}
static inline int __any_sync(unsigned mask, int predicate, SHIM_PLACE)
{
    return shim::collect("__any_sync", shim::op_ballot, mask, predicate != 0, 0, SHIM_AT) != 0;
}
static inline int __all_sync(unsigned mask, int predicate, SHIM_PLACE)
{
    return shim::collect("__all_sync", shim::op_ballot, mask, predicate == 0, 0, SHIM_AT) == 0;
}
template <class T> unsigned __match_any_sync(unsigned mask, T v, SHIM_PLACE)
{
    return (unsigned)shim::collect("__match_any_sync", shim::op_match, mask, shim::to_bits(v), 0,
                                   SHIM_AT);
}
template <class T> unsigned __match_all_sync(unsigned mask, T v, int *all, SHIM_PLACE)
{
    const unsigned same = (unsigned)shim::collect("__match_all_sync", shim::op_match, mask,
                                                  shim::to_bits(v), 0, SHIM_AT);
    *all = same == mask;
    return *all ? mask : 0;
}

#define SHIM_REDUCE(name, type, operation)                                                         \
    static inline type name(unsigned mask, type v, SHIM_PLACE)                                     \
    {                                                                                              \
        return (type)shim::collect(#name, shim::operation, mask, (unsigned)v, 0, SHIM_AT);         \
    }
SHIM_REDUCE(__reduce_add_sync, int, op_add)
SHIM_REDUCE(__reduce_add_sync, unsigned, op_add)
SHIM_REDUCE(__reduce_min_sync, int, op_min_signed)
SHIM_REDUCE(__reduce_min_sync, unsigned, op_min_unsigned)
SHIM_REDUCE(__reduce_max_sync, int, op_max_signed)
SHIM_REDUCE(__reduce_max_sync, unsigned, op_max_unsigned)
SHIM_REDUCE(__reduce_and_sync, unsigned, op_and)
SHIM_REDUCE(__reduce_or_sync, unsigned, op_or)
SHIM_REDUCE(__reduce_xor_sync, unsigned, op_xor)
#undef SHIM_REDUCE

/* ---- Atomics: relaxed as on the GPU, and each a place where another thread may go on ---- */
namespace shim
{

template <class T> struct Same {
    using type = T;
};
/* The type of *p, which the other arguments convert to. */
template <class T> using Element = typename Same<T>::type;

template <class T, class F> T read_modify_write(T *p, T operand, F change)
{
    yield_point();
    before_atomic((void *)p, &operand, sizeof operand);
    T old;
    __atomic_load(p, &old, __ATOMIC_RELAXED);
    for (;;) {
        T changed = change(old, operand);
        if (__atomic_compare_exchange(p, &old, &changed, true, __ATOMIC_RELAXED,
                                      __ATOMIC_RELAXED)) {
            return old;
        }
    }
}

} // namespace shim

#define SHIM_ATOMIC(name, expression)                                                              \
    template <class T> T name(T *p, shim::Element<T> operand)                                      \
    {                                                                                              \
        return shim::read_modify_write(p, operand,                                                 \
                                       [](T old, T v) { return static_cast<T>(expression); });     \
    }
SHIM_ATOMIC(atomicAdd, old + v)
SHIM_ATOMIC(atomicSub, old - v)
SHIM_ATOMIC(atomicMax, old < v ? v : old)
SHIM_ATOMIC(atomicMin, v < old ? v : old)
SHIM_ATOMIC(atomicAnd, old &v)
SHIM_ATOMIC(atomicOr, old | v)
SHIM_ATOMIC(atomicXor, old ^ v)
SHIM_ATOMIC(atomicExch, ((void)old, v))
SHIM_ATOMIC(atomicInc, old >= v ? 0 : old + 1)
SHIM_ATOMIC(atomicDec, old == 0 || old > v ? v : old - 1)
#undef SHIM_ATOMIC

template <class T> T atomicCAS(T *p, shim::Element<T> expected, shim::Element<T> desired)
{
    shim::yield_point();
    shim::before_atomic((void *)p, &desired, sizeof desired);
    T old = expected;
    __atomic_compare_exchange(p, &old, &desired, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    return old;
}

/* ---- Loads and stores with cache hints ---- */
#define SHIM_LOAD(name)                                                                            \
    template <class T> T name(const T *p)                                                          \
    {                                                                                              \
        return *p;                                                                                 \
    }
SHIM_LOAD(__ldg)
SHIM_LOAD(__ldca)
SHIM_LOAD(__ldcg)
SHIM_LOAD(__ldcs)
SHIM_LOAD(__ldlu)
SHIM_LOAD(__ldcv)
#undef SHIM_LOAD
#define SHIM_STORE(name)                                                                           \
    template <class T> void name(T *p, shim::Element<T> v)                                         \
    {                                                                                              \
        *p = v;                                                                                    \
    }
SHIM_STORE(__stwb)
SHIM_STORE(__stcg)
SHIM_STORE(__stcs)
SHIM_STORE(__stwt)
#undef SHIM_STORE
