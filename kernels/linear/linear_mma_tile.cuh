/* Products on the tensor cores of sm_80 and later: rows of x and of a weight, both BF16, mma.sync
 * with float32 sums. For linear and for qkv, which bring the epilogue.
 *
 * One block makes a tile [BM, BN] of the products in the registers of its warps, [WM, WN] each. x
 * and weight come through a ring of stages of 32 columns of K in shared memory, filled by
 * cp.async two or three stages ahead; the 16-byte chunks of a row are permuted so that neither the
 * copies nor ldmatrix meet bank conflicts. The products then go through shared memory, 64 rows at a
 * time, to the epilogue, which sees whole rows of the tile.
 *
 * An element is the same chain of mma over k = 0, 16, 32, ... in every tile: the choice of the
 * tile, which is by shape and device, changes no bit. No product is split over K.
 */
#pragma once

#include "kernels/cuda/device.cuh"

#include "kernels/core/op.h"

static const int LINEAR_MMA_DEPTH = 32; /* columns of K in a stage */

/* BLOCKS: that the registers of a multiprocessor must allow. */
template <int BM_, int BN_, int WM_, int WN_, int BLOCKS_> struct linear_mma_tile {
    static const int BM = BM_, BN = BN_, WM = WM_, WN = WN_, BLOCKS = BLOCKS_;
    static const int THREADS = BM / WM * (BN / WN) * 32;
    static const int STAGE = (BM + BN) * LINEAR_MMA_DEPTH; /* elements */
    static const int PASS = 64;                            /* rows that the epilogue sees at once */
    static const int PITCH = BN + 8;                       /* floats from one to the next */
    static __host__ __device__ __forceinline__ int shared_bytes(int stages)
    {
        const int ring = stages * STAGE * (int)sizeof(bf16);
        const int staged = PASS * PITCH * (int)sizeof(float);
        return ring > staged ? ring : staged;
    }
};

/* ---- Device ---- */

/* Element of a stage's [rows, 32] at a row and a chunk of 8 columns. Two rows are 128 bytes. */
__device__ __forceinline__ int linear_mma_at(int row, int chunk)
{
    return row * LINEAR_MMA_DEPTH + ((chunk ^ (row >> 1 & 3)) << 3);
}

/* Rows 0 ... ROWS - 1 of `from`, columns k ... k + 31, to a stage; rows from `left` on and columns
 * from `depth` on become 0. Without ALIGNED the copies are not asynchronous. */
template <int ROWS, int THREADS, bool ALIGNED>
__device__ __forceinline__ void linear_mma_copy(bf16 *stage, const bf16 *from, int64_t stride,
                                                int left, int k, int depth)
{
    const int chunk = (int)threadIdx.x % 4, column = k + 8 * chunk;
#pragma unroll
    for (int j = 0; j < ROWS * 4 / THREADS; j++) {
        const int row = (int)threadIdx.x / 4 + j * (THREADS / 4);
        bf16 *to = stage + linear_mma_at(row, chunk);
        const bool there = row < left && column < depth;
        const bf16 *at = there ? from + row * stride + column : from;
        if (ALIGNED) {
            copy_async16(to, at, there ? 16 : 0);
        } else {
#pragma unroll
            for (int i = 0; i < 8; i++) {
                to[i] = there ? at[i] : from_float<bf16>(0.0f);
            }
        }
    }
}

/* Blocks walk down 8 row blocks, then to the next columns: those that run together share the rows
 * of x and of the weights that they read. */
__device__ __forceinline__ void linear_mma_place(int row_blocks, int column_blocks, int *row_block,
                                                 int *column_block)
{
    const int HIGH = 8;
    const int group = (int)blockIdx.x / (HIGH * column_blocks);
    const int in_group = (int)blockIdx.x % (HIGH * column_blocks);
    const int high = row_blocks - group * HIGH < HIGH ? row_blocks - group * HIGH : HIGH;
    *row_block = group * HIGH + in_group % high;
    *column_block = in_group / high;
}

/* What a block multiplies: the rows of x and of the weight that its tile begins with, and how many
 * there are from them on; none of w1 where left1 is not positive. */
struct linear_mma_operands {
    const bf16 *x, *w0, *w1; /* w0: of the tile's first half of columns, w1: of its second */
    int64_t x_stride;
    int rows, left0, left1;
    int depth, stages;
};

/* The products of a tile, by all T::THREADS of a block; shared memory: T::shared_bytes(stages).
 * epilogue(staged, pass) gets rows pass*T::PASS ... of the tile, T::PASS of them T::PITCH
 * apart, between two barriers. */
template <class T, bool ALIGNED, class Epilogue>
__device__ __forceinline__ void linear_mma_block(const linear_mma_operands &p,
                                                 const Epilogue &epilogue)
{
    const int BM = T::BM, BN = T::BN, WM = T::WM, WN = T::WN, THREADS = T::THREADS;
    const int MI = WM / 16, NI = WN / 8;
    alm_shared_arena arena;
    unsigned char *shared = arena.take<unsigned char>(T::shared_bytes(p.stages));
    bf16 *ring = (bf16 *)shared;
    const int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
    const int warp_row = warp % (BM / WM) * WM, warp_column = warp / (BM / WM) * WN;
    const int blocks = (p.depth + LINEAR_MMA_DEPTH - 1) / LINEAR_MMA_DEPTH;

#define LINEAR_MMA_FETCH(block, into)                                                              \
    do {                                                                                           \
        if ((block) < blocks) {                                                                    \
            bf16 *to_ = ring + (into)*T::STAGE;                                                    \
            const int k_ = (block)*LINEAR_MMA_DEPTH;                                               \
            linear_mma_copy<BM, THREADS, ALIGNED>(to_, p.x, p.x_stride, p.rows, k_, p.depth);      \
            to_ += BM * LINEAR_MMA_DEPTH;                                                          \
            linear_mma_copy<BN / 2, THREADS, ALIGNED>(to_, p.w0, p.depth, p.left0, k_, p.depth);   \
            to_ += BN / 2 * LINEAR_MMA_DEPTH;                                                      \
            linear_mma_copy<BN / 2, THREADS, ALIGNED>(to_, p.w1, p.depth, p.left1, k_, p.depth);   \
        }                                                                                          \
        copy_async_commit();                                                                       \
    } while (0)

    /* Until the block that is needed next has landed: all but `stages` - 2 groups. */
#define LINEAR_MMA_WAIT()                                                                          \
    do {                                                                                           \
        if (p.stages == 3) {                                                                       \
            copy_async_wait<1>();                                                                  \
        } else {                                                                                   \
            copy_async_wait<2>();                                                                  \
        }                                                                                          \
        __syncthreads();                                                                           \
    } while (0)

    uint32_t a[2][MI][4], b[2][NI / 2][4];
    float sum[MI][NI][4];
#pragma unroll
    for (int i = 0; i < MI; i++) {
#pragma unroll
        for (int j = 0; j < NI; j++) {
            sum[i][j][0] = sum[i][j][1] = sum[i][j][2] = sum[i][j][3] = 0;
        }
    }
    /* Where this lane's rows lie for ldmatrix. The parts that are added later are multiples of 16
     * rows, which leave the permutation as it is. */
    const int a_row = warp_row + lane % 16, b_row = warp_column + lane % 8 + lane / 16 * 8;
    const int a_at[2] = {linear_mma_at(a_row, lane / 16), linear_mma_at(a_row, 2 + lane / 16)};
    const int b_at[2] = {BM * LINEAR_MMA_DEPTH + linear_mma_at(b_row, lane / 8 % 2),
                         BM * LINEAR_MMA_DEPTH + linear_mma_at(b_row, 2 + lane / 8 % 2)};
#define LINEAR_MMA_FRAGMENTS(step, stage)                                                          \
    do {                                                                                           \
        const bf16 *from_ = ring + (stage)*T::STAGE;                                               \
        _Pragma("unroll") for (int i = 0; i < MI; i++)                                             \
        {                                                                                          \
            ldmatrix_x4(a[step][i], from_ + a_at[step] + i * 16 * LINEAR_MMA_DEPTH);               \
        }                                                                                          \
        _Pragma("unroll") for (int j = 0; j < NI / 2; j++)                                         \
        {                                                                                          \
            ldmatrix_x4(b[step][j], from_ + b_at[step] + j * 16 * LINEAR_MMA_DEPTH);               \
        }                                                                                          \
    } while (0)

#pragma unroll 1
    for (int s = 0; s < p.stages - 1; s++) {
        LINEAR_MMA_FETCH(s, s);
    }
    LINEAR_MMA_WAIT();
    LINEAR_MMA_FRAGMENTS(0, 0);
    int stage = 0, free_stage = p.stages - 1;
#pragma unroll 1
    for (int block = 0; block < blocks; block++) {
        const int next = stage + 1 == p.stages ? 0 : stage + 1;
        /* The stage that is filled was read by all warps before the barrier that was last. */
        LINEAR_MMA_FRAGMENTS(1, stage);
        LINEAR_MMA_FETCH(block + p.stages - 1, free_stage);
#pragma unroll
        for (int step = 0; step < 2; step++) {
            if (step == 1 && block + 1 < blocks) {
                LINEAR_MMA_WAIT();
                LINEAR_MMA_FRAGMENTS(0, next);
            }
#pragma unroll
            for (int i = 0; i < MI; i++) {
#pragma unroll
                for (int j = 0; j < NI; j++) {
                    const uint32_t pair[2] = {b[step][j / 2][j % 2 * 2],
                                              b[step][j / 2][j % 2 * 2 + 1]};
                    mma_bf16_16x8x16(sum[i][j], a[step][i], pair);
                }
            }
        }
        free_stage = stage;
        stage = next;
    }
#undef LINEAR_MMA_FETCH
#undef LINEAR_MMA_WAIT
#undef LINEAR_MMA_FRAGMENTS

    float *staged = (float *)shared;
    const int pitch = T::PITCH;
#pragma unroll 1
    for (int pass = 0; pass < BM / T::PASS; pass++) {
        __syncthreads();
        if (warp_row / T::PASS == pass) {
            float *to =
                staged + (warp_row % T::PASS + lane / 4) * pitch + warp_column + lane % 4 * 2;
#pragma unroll
            for (int i = 0; i < MI; i++) {
#pragma unroll
                for (int j = 0; j < NI; j++) {
                    float *at = to + i * 16 * pitch + j * 8;
                    *(float2 *)at = make_float2(sum[i][j][0], sum[i][j][1]);
                    *(float2 *)(at + 8 * pitch) = make_float2(sum[i][j][2], sum[i][j][3]);
                }
            }
        }
        __syncthreads();
        epilogue(staged, pass);
    }
}

/* ---- Host ---- */

/* Four where a block of 4 warps still finds a second one beside it (A100, H100). */
static inline int linear_mma_stages(const alm_device *device)
{
    return device && device->shared_bytes >= 128 * 1024 ? 4 : 3;
}

/* How the tensor cores of a multiprocessor are used by one block of a tile and by as many as fit,
 * against the best. */
struct linear_mma_cost {
    int high, wide;
    double one, full;
};

/* When the fullest multiprocessor ends: blocks that share one slow each other down. */
static inline double linear_mma_time(const linear_mma_cost *c, const alm_device *device,
                                     int64_t tiles)
{
    const int64_t processors = device && device->multiprocessors > 0 ? device->multiprocessors : 1;
    const double deep = (double)((tiles + processors - 1) / processors);
    const double shared = deep * c->one;
    return deep * (double)(c->high * c->wide) / (shared < c->full ? shared : c->full);
}
