/* What the shim's headers need of its engine (tests/cuda_shim/engine). Kernels do not use it.
 *
 * The headers are compiled with the kernels and so see the same sanitizers: whatever reads or
 * writes the memory of kernels is in the headers, whatever decides is in the engine.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cuda_runtime_api.h>

extern dim3 gridDim, blockDim;
extern uint3 blockIdx;

namespace shim
{

/* The source line that a barrier, a collective or a copy stands in. */
struct Place {
    const char *file;
    int line;
};
/* The last parameters of a function that wants to know the line of its call, and that line. (In a
 * braced default argument gcc takes the line of the declaration.) */
#define SHIM_PLACE const char *place_file = __builtin_FILE(), int place_line = __builtin_LINE()
#define SHIM_AT (::shim::Place{place_file, place_line})

struct Thread;
struct Fiber;
/* Computes the results of all lanes of `group`; run once, by the lane that arrives last. */
using WarpOperation = void (*)(Thread *lane0, unsigned group);

enum State { STATE_NEW, STATE_READY, STATE_BARRIER, STATE_WARP, STATE_ASLEEP, STATE_EXITED };

struct Thread {
    uint3 index; /* threadIdx */
    unsigned linear, warp, lane;

    State state;
    const char *what; /* what it waits in, or did last */
    Place place;
    unsigned mask; /* of a warp collective */
    WarpOperation operation;
    int barrier, barrier_threads; /* threads 0: all that have not exited */

    /* Operands and results of the collective. */
    uint64_t value, result;
    int source; /* lane that a shuffle reads */
    const void *in;
    void *out;

    /* The engine's own. */
    Fiber *fiber;
    struct Copies *copies;
    void *identity;    /* TSan's fiber */
    bool fenced;       /* a fence since the last atomic */
    void *last_atomic; /* address */
};
extern Thread *current;

[[noreturn]] void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- Waiting ---- */
/* Barrier `id` over `threads` (0: the block); returns how many of them came with value != 0. */
int barrier(const char *what, int id, int threads, uint64_t value, Place place);
/* The collective over the lanes of mask; operands and results are in `current`. */
void warp_collective(const char *what, WarpOperation operation, unsigned mask, Place place);
/* Here another thread may go on. */
void yield_point();
/* Sleeps until all others wait or sleep: the way to spin. */
void spin_wait();
unsigned active_lanes();

/* ---- Warp operations (engine/warp.cpp) ---- */
void op_none(Thread *lane0, unsigned group);
void op_shuffle(Thread *lane0, unsigned group);
void op_ballot(Thread *lane0, unsigned group);
void op_match(Thread *lane0, unsigned group);
void op_add(Thread *lane0, unsigned group);
void op_min_unsigned(Thread *lane0, unsigned group);
void op_max_unsigned(Thread *lane0, unsigned group);
void op_min_signed(Thread *lane0, unsigned group);
void op_max_signed(Thread *lane0, unsigned group);
void op_and(Thread *lane0, unsigned group);
void op_or(Thread *lane0, unsigned group);
void op_xor(Thread *lane0, unsigned group);
void op_mma_bf16_16x8x16(Thread *lane0, unsigned group);
void op_ldmatrix_x4(Thread *lane0, unsigned group);
void op_ldmatrix_x4_trans(Thread *lane0, unsigned group);

struct MmaOperands {
    uint32_t a[4], b[2];
    float c[4];
};

/* ---- Shared memory (engine/shared.cpp) ---- */
/* One SHARED declaration. */
struct SharedVariable {
    void *memory, *allocation;
    uint64_t block; /* whose values it holds */
    size_t bytes;
};
/* This block's copy, filled with 0xFF when the block comes here first. Its address is a multiple of
 * `alignment` and of no more than that, as on a GPU it may be. */
void *shared_variable(SharedVariable *variable, size_t bytes, size_t alignment);
/* The next part of the launch's dynamic memory. `part` and `used` are the caller's arena. */
void *shared_part(int *part, size_t *used, size_t bytes);
void check_shared(const char *what, const void *p, size_t bytes, Place place);

/* ---- Asynchronous copies of 16 bytes (engine/shared.cpp) ---- */
struct Copy {
    void *to;
    const void *from;
    int valid;
};
/* Whether it is to land now; otherwise next_copy gives it back when it must. */
bool issue_copy(const Copy &copy, Place place);
void commit_copies();
bool next_copy(int groups_in_flight, Copy *copy);

/* ---- Order of memory (TSan) ---- */
void fence();
void before_atomic(void *p, const void *operand, size_t bytes);

/* A value of at most 8 bytes as 64 bits and back. */
template <class T> static inline uint64_t to_bits(T v)
{
    static_assert(sizeof(T) <= 8);
    uint64_t bits = 0;
    memcpy(&bits, &v, sizeof v);
    return bits;
}
template <class T> static inline T from_bits(uint64_t bits)
{
    T v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static inline uint64_t collect(const char *what, WarpOperation operation, unsigned mask,
                               uint64_t value, int source, Place place)
{
    Thread *me = current;
    me->value = value;
    me->source = source;
    warp_collective(what, operation, mask, place);
    return me->result;
}

} // namespace shim
