/* The functions of kernels/cuda/device.cuh on the CPU; their contracts are there. */
#pragma once

#include "cuda_shim.h"

#define SHARED(type, name, dims)                                                                   \
    using name##_type = type dims;                                                                 \
    static shim::SharedVariable name##_variable;                                                   \
    name##_type &name = *static_cast<name##_type *>(                                               \
        shim::shared_variable(&name##_variable, sizeof(name##_type), alignof(name##_type)))

struct alm_shared_arena {
    size_t used = 0;
    int parts = 0;
    template <class T> T *take(int n)
    {
        return static_cast<T *>(shim::shared_part(&parts, &used, (size_t)n * sizeof(T)));
    }
};

static inline void mma_bf16_16x8x16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                                    SHIM_PLACE)
{
    shim::MmaOperands operands;
    memcpy(operands.a, a, sizeof operands.a);
    memcpy(operands.b, b, sizeof operands.b);
    memcpy(operands.c, d, sizeof operands.c);
    float result[4];
    shim::current->in = &operands;
    shim::current->out = result;
    shim::warp_collective("mma_bf16_16x8x16", shim::op_mma_bf16_16x8x16, 0xFFFFFFFFu, SHIM_AT);
    memcpy(d, result, sizeof result);
}

namespace shim
{

/* Each lane reads its own row here, where the sanitizers see it; the engine deals them out. */
static inline void load_matrices(const char *what, WarpOperation operation, uint32_t (&r)[4],
                                 const void *row, Place place)
{
    check_shared(what, row, 16, place);
    uint32_t mine[4], result[4];
    for (int i = 0; i < 4; i++) {
        mine[i] = static_cast<const uint32_t *>(row)[i];
    }
    current->in = mine;
    current->out = result;
    warp_collective(what, operation, 0xFFFFFFFFu, place);
    memcpy(r, result, sizeof result);
}

static inline void land(const Copy &copy)
{
    if (copy.valid == 16) {
        for (int i = 0; i < 4; i++) {
            static_cast<uint32_t *>(copy.to)[i] = static_cast<const uint32_t *>(copy.from)[i];
        }
        return;
    }
    for (int i = 0; i < 16; i++) {
        static_cast<uint8_t *>(copy.to)[i] =
            i < copy.valid ? static_cast<const uint8_t *>(copy.from)[i] : (uint8_t)0;
    }
}

} // namespace shim

static inline void ldmatrix_x4(uint32_t (&r)[4], const void *row, SHIM_PLACE)
{
    shim::load_matrices("ldmatrix_x4", shim::op_ldmatrix_x4, r, row, SHIM_AT);
}

static inline void ldmatrix_x4_trans(uint32_t (&r)[4], const void *row, SHIM_PLACE)
{
    shim::load_matrices("ldmatrix_x4_trans", shim::op_ldmatrix_x4_trans, r, row, SHIM_AT);
}

static inline void copy_async16(void *shared, const void *global, int valid = 16, SHIM_PLACE)
{
    const shim::Copy copy = {shared, global, valid};
    if (shim::issue_copy(copy, SHIM_AT)) {
        shim::land(copy);
    }
}

static inline void copy_async_commit()
{
    shim::commit_copies();
}

template <int N> void copy_async_wait()
{
    shim::Copy copy;
    while (shim::next_copy(N, &copy)) {
        shim::land(copy);
    }
}

static inline void named_barrier(int id, int threads, SHIM_PLACE)
{
    shim::barrier("named_barrier", id, threads, 0, SHIM_AT);
}

static inline float fast_exp2(float x)
{
    return exp2f(x);
}

/* Launches run one after the other here, so nothing is to be waited for. */
static inline void wait_for_inputs()
{
}
static inline void release_dependents()
{
}
