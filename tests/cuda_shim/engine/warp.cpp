/* What the collectives of a warp compute, for all lanes of the group at once. Fragments as in the
 * PTX manual, "Matrix fragments for mma.m16n8k16 with floating point type" and "ldmatrix". */
#include "tests/cuda_shim/engine/engine.h"

namespace shim
{

void op_none(Thread *, unsigned)
{
}

void op_shuffle(Thread *lane, unsigned group)
{
    for (int i = 0; i < WARP; i++) {
        if (!(group >> i & 1)) {
            continue;
        }
        const int source = lane[i].source;
        if (source < 0 || source >= WARP || !(group >> source & 1)) {
            current = &lane[i];
            fail("%s at %s:%d reads lane %d, which does not take part (mask %08x)", lane[i].what,
                 lane[i].place.file, lane[i].place.line, source, lane[i].mask);
        }
        lane[i].result = lane[source].value;
    }
}

void op_ballot(Thread *lane, unsigned group)
{
    unsigned votes = 0;
    for (int i = 0; i < WARP; i++) {
        if ((group >> i & 1) && lane[i].value) {
            votes |= 1u << i;
        }
    }
    for (int i = 0; i < WARP; i++) {
        if (group >> i & 1) {
            lane[i].result = votes;
        }
    }
}

void op_match(Thread *lane, unsigned group)
{
    for (int i = 0; i < WARP; i++) {
        if (!(group >> i & 1)) {
            continue;
        }
        unsigned same = 0;
        for (int j = 0; j < WARP; j++) {
            if ((group >> j & 1) && lane[j].value == lane[i].value) {
                same |= 1u << j;
            }
        }
        lane[i].result = same;
    }
}

/* result = start, then result = expression of result and v for every lane. */
#define REDUCTION(name, type, start, expression)                                                   \
    void name(Thread *lane, unsigned group)                                                        \
    {                                                                                              \
        type result = start;                                                                       \
        for (int i = 0; i < WARP; i++) {                                                           \
            if (group >> i & 1) {                                                                  \
                const type v = (type)lane[i].value;                                                \
                result = expression;                                                               \
            }                                                                                      \
        }                                                                                          \
        for (int i = 0; i < WARP; i++) {                                                           \
            if (group >> i & 1) {                                                                  \
                lane[i].result = (uint32_t)result;                                                 \
            }                                                                                      \
        }                                                                                          \
    }
REDUCTION(op_add, uint32_t, 0, result + v)
REDUCTION(op_min_unsigned, uint32_t, UINT32_MAX, v < result ? v : result)
REDUCTION(op_max_unsigned, uint32_t, 0, result < v ? v : result)
REDUCTION(op_min_signed, int32_t, INT32_MAX, v < result ? v : result)
REDUCTION(op_max_signed, int32_t, INT32_MIN, result < v ? v : result)
REDUCTION(op_and, uint32_t, UINT32_MAX, result &v)
REDUCTION(op_or, uint32_t, 0, result | v)
REDUCTION(op_xor, uint32_t, 0, result ^ v)
#undef REDUCTION

static void need_whole_warp(const Thread *lane, unsigned group)
{
    if (group != 0xFFFFFFFFu) {
        const Thread *t = &lane[__builtin_ctz(group)];
        fail("%s at %s:%d needs all 32 lanes, only %08x are left", t->what, t->place.file,
             t->place.line, group);
    }
}

/* The bf16 in the lower (0) or upper half of a register. */
static float half_of(uint32_t pair, int upper)
{
    return from_bits<float>(upper ? pair & 0xFFFF0000u : pair << 16);
}

/* Lane 4g + t holds a: rows g (registers 0, 2) and g + 8 (1, 3), columns 2t, 2t + 1 and (2, 3)
 * those plus 8; b: rows 2t, 2t + 1 and (1) those plus 8, column g; c: rows g (0, 1) and g + 8 (2,
 * 3), columns 2t, 2t + 1. Sums in float in the order of k, which a GPU does not promise. */
void op_mma_bf16_16x8x16(Thread *lane, unsigned group)
{
    need_whole_warp(lane, group);
    float a[16][16], b[16][8], c[16][8];
    for (int i = 0; i < WARP; i++) {
        const MmaOperands *in = (const MmaOperands *)lane[i].in;
        const int g = i / 4, t = i % 4 * 2;
        for (int h = 0; h < 2; h++) {
            a[g][t + h] = half_of(in->a[0], h);
            a[g + 8][t + h] = half_of(in->a[1], h);
            a[g][t + 8 + h] = half_of(in->a[2], h);
            a[g + 8][t + 8 + h] = half_of(in->a[3], h);
            b[t + h][g] = half_of(in->b[0], h);
            b[t + 8 + h][g] = half_of(in->b[1], h);
            c[g][t + h] = in->c[h];
            c[g + 8][t + h] = in->c[2 + h];
        }
    }
    for (int row = 0; row < 16; row++) {
        for (int k = 0; k < 16; k++) {
            for (int column = 0; column < 8; column++) {
                c[row][column] += a[row][k] * b[k][column];
            }
        }
    }
    for (int i = 0; i < WARP; i++) {
        float *out = (float *)lane[i].out;
        const int g = i / 4, t = i % 4 * 2;
        out[0] = c[g][t];
        out[1] = c[g][t + 1];
        out[2] = c[g + 8][t];
        out[3] = c[g + 8][t + 1];
    }
}

/* Lane 8m + r brought row r of matrix m; lane i gets elements 2(i % 4) and the next of row i / 4.
 */
void op_ldmatrix_x4(Thread *lane, unsigned group)
{
    need_whole_warp(lane, group);
    for (int i = 0; i < WARP; i++) {
        for (int m = 0; m < 4; m++) {
            ((uint32_t *)lane[i].out)[m] = ((const uint32_t *)lane[m * 8 + i / 4].in)[i % 4];
        }
    }
}

/* Lane i gets elements i / 4 of rows 2(i % 4) and the next. */
void op_ldmatrix_x4_trans(Thread *lane, unsigned group)
{
    need_whole_warp(lane, group);
    for (int i = 0; i < WARP; i++) {
        const int column = i / 4, row = i % 4 * 2;
        for (int m = 0; m < 4; m++) {
            uint32_t pair = 0;
            for (int h = 0; h < 2; h++) {
                const uint32_t *in = (const uint32_t *)lane[m * 8 + row + h].in;
                pair |= (in[column / 2] >> column % 2 * 16 & 0xFFFFu) << h * 16;
            }
            ((uint32_t *)lane[i].out)[m] = pair;
        }
    }
}

} // namespace shim
