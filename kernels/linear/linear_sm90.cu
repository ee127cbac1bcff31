/* linear on Hopper: wgmma, TMA and mbarriers; one kernel per tile size. Only for sm_90a.
 *
 * The tensor core's "row" side is a weight's rows, so always 128 columns of out a block, and its
 * flexible side (any multiple of 8) are the rows of x: the tile's height is chosen so that the
 * tiles of a shape fill the processors in whole waves. Sums run over k in steps of 16 in ascending
 * order within one accumulator, so a row's bits depend neither on the tile nor on the batch.
 *
 * A block has two computing warpgroups and one that only fetches. Two blocks make a cluster: beside
 * each other in the columns of out, they share the rows of x, of which each fetches one half for
 * both. Blocks stay and walk over the tiles. SWIGLU multiplies by 128 rows of the gate's and of the
 * up projection's weights at once, so that both sums of an element are in one thread.
 *
 * Needs bf16 x and weights, K % 8 == 0 and x's stride % 8 == 0 (what the TMA unit can address).
 */
#include "kernels/cuda/device.cuh"

#include "kernels/cuda/hopper.cuh"
#include "kernels/cuda/launch.h"
#include "kernels/linear/linear_epilogue.cuh"
#include "kernels/linear/linear_cuda.h"

enum {
    TILE_COLUMNS = 128, /* of out, a block */
    GROUP_COLUMNS = 64, /* of out, a warpgroup */
    COMPUTE_GROUPS = 2,
    BLOCK_THREADS = (COMPUTE_GROUPS + 1) * WARPGROUP,
    COMPUTE_WARPS = COMPUTE_GROUPS * WARPGROUP / 32,
    WEIGHT_BYTES = TILE_COLUMNS * PANEL_ROW_BYTES,
    STAGING_ROWS = 32,                  /* of a tile, on their way to out at once */
    STAGING_LENGTH = GROUP_COLUMNS + 4, /* floats of a row; 4 modulo 16: no bank conflicts */
    STAGING_FLOATS = STAGING_ROWS * STAGING_LENGTH,
    SHARED_LIMIT = 227 * 1024, /* a block, on Hopper */
    BARRIER_BYTES = 256,
    TILES_ACROSS = 16, /* tiles of x that are gone through before the next columns */
    PREFETCHES = 8     /* panels of weights that a block asks for before x is there */
};

/* What a tile of ROWS rows of x needs. BLOCKS: of a cluster. */
template <int ROWS, bool GATED, int BLOCKS> struct sm90_tile {
    static constexpr int sums = GATED ? 2 : 1;
    static constexpr int weight_bytes = sums * WEIGHT_BYTES;
    static constexpr int stage_bytes = weight_bytes + ROWS * PANEL_ROW_BYTES;
    static constexpr int staging_floats = COMPUTE_GROUPS * 2 * STAGING_FLOATS;
    static constexpr int fit =
        (SHARED_LIMIT - staging_floats * (int)sizeof(float) - BARRIER_BYTES) / stage_bytes;
    static constexpr int stages = fit < 8 ? fit : 8;
    static constexpr int shared_bytes =
        stages * stage_bytes + staging_floats * (int)sizeof(float) + BARRIER_BYTES;
    /* Rows of x that the first block of the cluster fetches; the second fetches the others. */
    static constexpr int low_rows = BLOCKS == 1 ? ROWS : (ROWS / 8 + 1) / 2 * 8;
    static_assert(ROWS % 8 == 0 && ROWS >= 16 && ROWS <= (GATED ? 128 : 256), "");
    static_assert(stages >= 3 && 2 * stages * (int)sizeof(uint64_t) <= BARRIER_BYTES, "");
    static_assert(BLOCKS == 1 || BLOCKS == 2, "");
};

/* A kernel argument by value. */
struct linear_sm90 {
    linear_epilogue e; /* kind NONE for SWIGLU, which is applied to the sums */
    alm_row_count rows;
    int k_blocks;     /* of 64 */
    int column_tiles; /* of a cluster */
};

/* Where the tile with this number is: rows first, so that neighbouring clusters share columns of
 * the weights, which are read from memory once. */
struct tile_place {
    int row, column;
};

static __device__ __forceinline__ tile_place tile_at(int tile, int row_tiles, int column_tiles)
{
    const int band = tile / (TILES_ACROSS * column_tiles);
    const int first = band * TILES_ACROSS;
    const int high = row_tiles - first < TILES_ACROSS ? row_tiles - first : TILES_ACROSS;
    const int within = tile - first * column_tiles;
    return tile_place{first + within % high, within / high};
}

/* The stages of shared memory and their barriers: `full` is complete when all bytes of a stage are
 * there, `empty` when all computing warps of the cluster have read them. */
template <int STAGES> struct sm90_pipe {
    unsigned char *data;
    uint64_t *full, *empty;
    int stage = 0;
    uint32_t parity = 0;
    __device__ __forceinline__ void advance()
    {
        if (++stage == STAGES) {
            stage = 0;
            parity ^= 1;
        }
    }
};

struct sm90_maps {
    const CUtensorMap *weight, *up, *low, *high;
};

/* Weights do not depend on the kernel before: the first tile's are brought into the L2 cache while
 * it still runs, each block a part of what the blocks of these columns need. Which tile is first is
 * a guess, since the count of rows is not known yet; a wrong one costs nothing but time. */
template <int ROWS, bool GATED, int BLOCKS>
static __device__ __forceinline__ void prefetch_weights(const sm90_maps &maps, const linear_sm90 &p,
                                                        int rank)
{
    const int row_tiles = (p.rows.capacity + ROWS - 1) / ROWS;
    const tile_place at = tile_at((int)blockIdx.x / BLOCKS, row_tiles, p.column_tiles);
    const int column = (at.column * BLOCKS + rank) * TILE_COLUMNS;
    int k = at.row % TILES_ACROSS;
    for (int n = 0; n < PREFETCHES / (GATED ? 2 : 1) && k < p.k_blocks; n++) {
        prefetch_panel(maps.weight, k * PANEL_COLUMNS, column);
        if (GATED) {
            prefetch_panel(maps.up, k * PANEL_COLUMNS, column);
        }
        k += row_tiles < TILES_ACROSS ? row_tiles : TILES_ACROSS;
    }
}

/* The fetching thread. */
template <int ROWS, bool GATED, int BLOCKS, class PIPE>
static __device__ __forceinline__ void fetch(const sm90_maps &maps, const linear_sm90 &p, PIPE pipe,
                                             int rank)
{
    using tile = sm90_tile<ROWS, GATED, BLOCKS>;
    prefetch_map(maps.weight);
    prefetch_map(rank == 0 ? maps.low : maps.high);
    prefetch_weights<ROWS, GATED, BLOCKS>(maps, p, rank);
    wait_for_inputs();
    const CUtensorMap *const x = rank == 0 ? maps.low : maps.high;
    const int x_offset = rank == 0 ? 0 : tile::low_rows;
    const int row_tiles = (p.rows.get() + ROWS - 1) / ROWS;
    const int tiles = row_tiles * p.column_tiles;
    for (int t = (int)blockIdx.x / BLOCKS; t < tiles; t += (int)gridDim.x / BLOCKS) {
        const tile_place at = tile_at(t, row_tiles, p.column_tiles);
        const int column = (at.column * BLOCKS + rank) * TILE_COLUMNS;
        const int row = at.row * ROWS + x_offset;
        for (int k = 0; k < p.k_blocks; k++) {
            uint64_t *const full = &pipe.full[pipe.stage];
            unsigned char *const data = pipe.data + pipe.stage * tile::stage_bytes;
            unsigned char *const x_data = data + tile::weight_bytes + x_offset * PANEL_ROW_BYTES;
            mbarrier_wait(&pipe.empty[pipe.stage], pipe.parity ^ 1, 'e' + 256 * pipe.stage);
            mbarrier_expect(full, tile::stage_bytes);
            copy_panel(data, maps.weight, k * PANEL_COLUMNS, column, full);
            if (GATED) {
                copy_panel(data + WEIGHT_BYTES, maps.up, k * PANEL_COLUMNS, column, full);
            }
            if (BLOCKS == 1) {
                copy_panel(x_data, x, k * PANEL_COLUMNS, row, full);
            } else {
                copy_panel_to(3, x_data, x, k * PANEL_COLUMNS, row, full);
            }
            pipe.advance();
        }
    }
}

/* This warp has read the stage: tells the fetching threads of the cluster. */
template <int BLOCKS> static __device__ __forceinline__ void release(uint64_t *empty)
{
    const int lane = (int)threadIdx.x % 32;
    if (BLOCKS == 1) {
        if (lane == 0) {
            mbarrier_arrive(empty);
        }
    } else if (lane < BLOCKS) {
        mbarrier_arrive_at(empty, lane);
    }
}

/* d[0] = 64 rows of the weights times the tile of x; GATED: d[1] the same of the up projection. */
template <int ROWS, bool GATED, int BLOCKS, class PIPE, int SUMS>
static __device__ __forceinline__ void multiply(float (&d)[SUMS][ROWS / 2], PIPE &pipe,
                                                int k_blocks, int group)
{
    using tile = sm90_tile<ROWS, GATED, BLOCKS>;
    const uint64_t a0 = panel_descriptor(pipe.data + group * GROUP_COLUMNS * PANEL_ROW_BYTES);
    const uint64_t b0 = panel_descriptor(pipe.data + tile::weight_bytes);
    int before = -1;
    for (int k = 0; k < k_blocks; k++) {
        const uint64_t at = (uint64_t)(pipe.stage * (tile::stage_bytes / 16));
        mbarrier_wait(&pipe.full[pipe.stage], pipe.parity, 'f' + 256 * pipe.stage);
        product_begin();
#pragma unroll
        for (int s = 0; s < PANEL_COLUMNS / 16; s++) {
#pragma unroll
            for (int i = 0; i < SUMS; i++) {
                product_bf16<ROWS>(d[i], a0 + at + i * (WEIGHT_BYTES / 16) + s * PANEL_STEP_16,
                                   b0 + at + s * PANEL_STEP_16, k > 0 || s > 0);
            }
        }
        product_commit();
        product_wait<1>();
        if (before >= 0) {
            release<BLOCKS>(&pipe.empty[before]);
        }
        before = pipe.stage;
        pipe.advance();
    }
    product_wait<0>();
#pragma unroll
    for (int i = 0; i < SUMS; i++) {
        keep_sums(d[i]);
    }
    release<BLOCKS>(&pipe.empty[before]);
}

/* ---- After the product ----
 *
 * SiLU and GELU as v·sigmoid, with the approximate instructions (2 ulp each): the exact ones take
 * as long as a third of the product. */
static __device__ __forceinline__ float times_sigmoid(float v, float u)
{
    return __fdividef(v, __fadd_rn(1.0f, fast_exp2(__fmul_rn(-1.4426950408889634f, u))));
}

template <int N> static __device__ __forceinline__ void activate(int kind, float (&v)[N])
{
    if (kind == ALM_EPILOGUE_SILU) {
#pragma unroll
        for (int i = 0; i < N; i++) {
            v[i] = times_sigmoid(v[i], v[i]);
        }
    } else if (kind == ALM_EPILOGUE_GELU_TANH) {
#pragma unroll
        for (int i = 0; i < N; i++) {
            const float cubic = fmaf(__fmul_rn(0.044715f, __fmul_rn(v[i], v[i])), v[i], v[i]);
            v[i] = times_sigmoid(v[i], __fmul_rn(1.5957691216057308f, cubic)); /* 2√(2/π) */
        }
    } else {
        linear_activate<N>(kind, v);
    }
}

/* The sums of 32 rows from row 32·C of the tile to the buffer: [32, STAGING_LENGTH], a row of the
 * tile each. `out`: this thread's first element. */
template <int C, int ROWS, bool GATED, int SUMS>
static __device__ __forceinline__ void stage_sums(const float (&d)[SUMS][ROWS / 2], float *out)
{
#pragma unroll
    for (int i = 0; i < STAGING_ROWS / 8 * 4; i++) {
        constexpr int first = C * STAGING_ROWS / 2; /* 4 sums for 8 rows */
        if (first + i < ROWS / 2) {
            const int j = first + i < ROWS / 2 ? first + i : 0;
            const float v =
                GATED ? __fmul_rn(times_sigmoid(d[0][j], d[0][j]), d[SUMS - 1][j]) : d[0][j];
            out[(i / 4 * 8 + i % 2) * STAGING_LENGTH + i / 2 % 2 * 8] = v;
        }
    }
}

enum { ROWS_A_THREAD = STAGING_ROWS / 8 };
typedef float four_rows[ROWS_A_THREAD][4]; /* rows 8 apart from each other, four columns */

static __device__ __forceinline__ void load_residual(const linear_epilogue &e, int row, int end,
                                                     int column, four_rows &residual)
{
#pragma unroll
    for (int i = 0; i < ROWS_A_THREAD; i++) {
        if (row + 8 * i < end) {
            linear_residual<4>(e, row + 8 * i, column, residual[i]);
        }
    }
}

/* This thread's part of the buffer to out. */
static __device__ __forceinline__ void store_rows(const linear_epilogue &e, const float *buffer,
                                                  int row, int end, int column,
                                                  const float (&bias)[4], const four_rows &residual)
{
    float v[4 * ROWS_A_THREAD];
#pragma unroll
    for (int i = 0; i < ROWS_A_THREAD; i++) {
        const float4 all = *(const float4 *)(buffer + 8 * i * STAGING_LENGTH);
        v[4 * i] = __fadd_rn(all.x, bias[0]);
        v[4 * i + 1] = __fadd_rn(all.y, bias[1]);
        v[4 * i + 2] = __fadd_rn(all.z, bias[2]);
        v[4 * i + 3] = __fadd_rn(all.w, bias[3]);
    }
    activate<4 * ROWS_A_THREAD>(e.kind, v);
#pragma unroll
    for (int i = 0; i < ROWS_A_THREAD; i++) {
        if (row + 8 * i < end) {
            float out[4];
#pragma unroll
            for (int c = 0; c < 4; c++) {
                out[c] = __fadd_rn(v[4 * i + c], residual[i][c]);
            }
            linear_store<4>(e, row + 8 * i, column, out);
        }
    }
}

/* Rows first_row ... of 64 columns from `column` on: 32 rows at a time through shared memory, since
 * a thread's sums are spread over many rows, to accesses of 16 bytes along the rows of out. `group`
 * is the warpgroup, `staging` its two buffers, used in turn. The loop is not unrolled, only the
 * part that names registers is: the code stays in the instruction cache. */
template <int ROWS, bool GATED, int SUMS>
static __device__ __forceinline__ void finish(const float (&d)[SUMS][ROWS / 2],
                                              const linear_epilogue &e, int rows, int first_row,
                                              int column, int group, float *staging)
{
    const int thread = (int)threadIdx.x % WARPGROUP, warp = thread / 32, lane = thread % 32;
    const int quad = 4 * (thread % 16), row_in_8 = thread / 16;
    const int end = rows - first_row < ROWS ? rows : first_row + ROWS;
    float bias[4];
    linear_bias<4>(e, column + quad, bias);
    four_rows residual = {}, next = {}; /* fetched one step ahead */
    load_residual(e, first_row + row_in_8, end, column + quad, residual);
    int offset = 0;
#pragma unroll 1
    for (int c = 0; c < ROWS; c += STAGING_ROWS) {
        if (first_row + c >= end) {
            break;
        }
        float *const out =
            staging + offset + 2 * (lane % 4) * STAGING_LENGTH + 16 * warp + lane / 4;
        switch (c / STAGING_ROWS) {
        case 0: stage_sums<0, ROWS, GATED>(d, out); break;
        case 1: stage_sums<1, ROWS, GATED>(d, out); break;
        case 2: stage_sums<2, ROWS, GATED>(d, out); break;
        case 3: stage_sums<3, ROWS, GATED>(d, out); break;
        case 4: stage_sums<4, ROWS, GATED>(d, out); break;
        case 5: stage_sums<5, ROWS, GATED>(d, out); break;
        case 6: stage_sums<6, ROWS, GATED>(d, out); break;
        default: stage_sums<7, ROWS, GATED>(d, out); break;
        }
        /* One barrier a buffer is enough: who writes to it again has passed the barrier of the
         * other buffer, and so has everybody's reading of this one. */
        named_barrier(1 + group, WARPGROUP);
        const int row = first_row + c + row_in_8;
        load_residual(e, row + STAGING_ROWS, end, column + quad, next);
        store_rows(e, staging + offset + row_in_8 * STAGING_LENGTH + quad, row, end, column + quad,
                   bias, residual);
#pragma unroll
        for (int i = 0; i < ROWS_A_THREAD; i++) {
#pragma unroll
            for (int n = 0; n < 4; n++) {
                residual[i][n] = next[i][n];
            }
        }
        offset ^= STAGING_FLOATS;
    }
    /* The next tile begins with the first buffer, which may have been the last one here. */
    named_barrier(1 + group, WARPGROUP);
}

/* A computing warpgroup. */
template <int ROWS, bool GATED, int BLOCKS, class PIPE>
static __device__ __forceinline__ void compute(const linear_sm90 &p, PIPE pipe, int rank, int group,
                                               float *staging)
{
    wait_for_inputs();
    const int rows = p.rows.get();
    const int row_tiles = (rows + ROWS - 1) / ROWS;
    const int tiles = row_tiles * p.column_tiles;
    for (int t = (int)blockIdx.x / BLOCKS; t < tiles; t += (int)gridDim.x / BLOCKS) {
        const tile_place at = tile_at(t, row_tiles, p.column_tiles);
        const int column = (at.column * BLOCKS + rank) * TILE_COLUMNS + group * GROUP_COLUMNS;
        float d[GATED ? 2 : 1][ROWS / 2];
        multiply<ROWS, GATED, BLOCKS>(d, pipe, p.k_blocks, group);
        if (column < p.e.columns) {
            finish<ROWS, GATED>(d, p.e, rows, at.row * ROWS, column, group,
                                staging + group * 2 * STAGING_FLOATS);
        }
    }
}

/* BLOCK_THREADS threads; grid: a multiple of BLOCKS. weight, up: boxes of 128 rows; low, high: of
 * the two parts of a tile's rows of x. */
template <int ROWS, bool GATED, int BLOCKS>
static __global__ void __cluster_dims__(BLOCKS, 1, 1) __launch_bounds__(BLOCK_THREADS, 1)
    linear_sm90_kernel(const __grid_constant__ CUtensorMap weight,
                       const __grid_constant__ CUtensorMap up,
                       const __grid_constant__ CUtensorMap low,
                       const __grid_constant__ CUtensorMap high,
                       const __grid_constant__ linear_sm90 p)
{
    using tile = sm90_tile<ROWS, GATED, BLOCKS>;
    alm_shared_arena arena;
    sm90_pipe<tile::stages> pipe;
    pipe.data = arena.take<unsigned char>(tile::stages * tile::stage_bytes);
    float *const staging = arena.take<float>(tile::staging_floats);
    pipe.full = arena.take<uint64_t>(2 * tile::stages);
    pipe.empty = pipe.full + tile::stages;
    const int rank = BLOCKS == 1 ? 0 : cluster_rank();
    release_dependents();
    if (threadIdx.x == 0) {
        for (int s = 0; s < tile::stages; s++) {
            mbarrier_init(&pipe.full[s], 1);
            mbarrier_init(&pipe.empty[s], COMPUTE_WARPS * BLOCKS);
        }
        mbarrier_init_done();
    }
    __syncthreads();
    if (BLOCKS > 1) {
        cluster_barrier();
    }
    const int group = __shfl_sync(FULL_WARP, (int)threadIdx.x / WARPGROUP, 0);
    if (group == COMPUTE_GROUPS) {
        registers_shrink<40>();
        if (threadIdx.x == COMPUTE_GROUPS * WARPGROUP) {
            const sm90_maps maps = {&weight, &up, &low, &high};
            fetch<ROWS, GATED, BLOCKS>(maps, p, pipe, rank);
        }
        __syncwarp();
    } else {
        registers_grow<232>();
        compute<ROWS, GATED, BLOCKS>(p, pipe, rank, group, staging);
    }
    if (BLOCKS > 1) {
        cluster_barrier(); /* the other block may still write to this one's shared memory */
    }
}

/* ---- Host ---- */

static int processors(const alm_exec *x)
{
    return x->device && x->device->multiprocessors > 1 ? x->device->multiprocessors : 132;
}

template <int ROWS, bool GATED, int BLOCKS>
static alm_status launch(const alm_exec *x, const alm_op_args *a)
{
    using tile = sm90_tile<ROWS, GATED, BLOCKS>;
    const alm_tensor *in = &a->in[0], *w = &a->in[1], *up = GATED ? &a->in[4] : w;
    const int64_t rows = in->desc.dim[0], k = in->desc.dim[1], columns = w->desc.dim[0];
    CUtensorMap weight_map, up_map, low_map, high_map;
    ALM_TRY(alm_tensor_map(&weight_map, "linear: weight", w->data, columns, k, k, TILE_COLUMNS));
    ALM_TRY(alm_tensor_map(&up_map, "linear: up", up->data, columns, k, k, TILE_COLUMNS));
    ALM_TRY(alm_tensor_map(&low_map, "linear: x", in->data, rows, k, in->stride, tile::low_rows));
    ALM_TRY(alm_tensor_map(&high_map, "linear: x", in->data, rows, k, in->stride,
                           BLOCKS == 1 ? ROWS : ROWS - tile::low_rows));
    linear_sm90 p = {};
    p.e = linear_epilogue_of(a);
    if (GATED) {
        p.e.kind = ALM_EPILOGUE_NONE;
    }
    p.rows = alm_row_count_of(in);
    p.k_blocks = (int)((k + PANEL_COLUMNS - 1) / PANEL_COLUMNS);
    p.column_tiles = (int)alm_blocks(columns, TILE_COLUMNS * BLOCKS);
    const int64_t tiles = (rows + ROWS - 1) / ROWS * p.column_tiles;
    const int64_t clusters = processors(x) / BLOCKS;
    const dim3 grid((unsigned)(tiles < clusters ? tiles : clusters) * BLOCKS);
    return alm_launch(x, "linear_bf16_sm90", linear_sm90_kernel<ROWS, GATED, BLOCKS>, grid,
                      dim3(BLOCK_THREADS), tile::shared_bytes, weight_map, up_map, low_map,
                      high_map, p);
}

struct sm90_variant {
    int rows;
    bool gated;
    int blocks;
    alm_status (*launch)(const alm_exec *x, const alm_op_args *a);
};

#define VARIANT(rows, gated, blocks)                                                               \
    {                                                                                              \
        rows, gated, blocks, launch<rows, gated, blocks>                                           \
    }
static const sm90_variant variants[] = {
    VARIANT(256, false, 2), VARIANT(240, false, 2), VARIANT(216, false, 2), VARIANT(168, false, 2),
    VARIANT(152, false, 2), VARIANT(112, false, 2), VARIANT(88, false, 2),  VARIANT(72, false, 2),
    VARIANT(128, true, 2),  VARIANT(112, true, 2),  VARIANT(64, true, 2),
#ifdef ALM_HOPPER_WATCH /* the check program also looks at blocks that do not share */
    VARIANT(256, false, 1), VARIANT(152, false, 1), VARIANT(112, true, 1),
#endif
};
#undef VARIANT
enum { VARIANTS = sizeof variants / sizeof variants[0] };

/* Time of a shape with a variant, in clocks by a simple model: whole waves of tiles; in a tile the
 * steps over k, each bound by the tensor cores or by what the L2 cache gives a processor, then the
 * start and the end, which nothing overlaps. */
static double expected_clocks(const sm90_variant *v, int64_t rows, int64_t columns, int64_t k,
                              int multiprocessors)
{
    static const double l2_bytes = 36, start = 1200, element_clocks = 0.1;
    const int64_t clusters = multiprocessors / v->blocks;
    const int64_t tiles =
        (rows + v->rows - 1) / v->rows * (int64_t)alm_blocks(columns, TILE_COLUMNS * v->blocks);
    const double busy = tiles < clusters ? (double)tiles / (double)clusters : 1;
    const int sums = v->gated ? 2 : 1;
    const double product = (double)(4 * sums * v->rows); /* 64 · 128 · rows over 2,048 a clock */
    const double bytes =
        (double)(PANEL_ROW_BYTES * (TILE_COLUMNS * sums + v->rows / v->blocks)) * busy;
    const double step = bytes / l2_bytes > product ? bytes / l2_bytes : product;
    return (double)((tiles + clusters - 1) / clusters) *
           ((double)alm_blocks(k, PANEL_COLUMNS) * step + start +
            element_clocks * (double)(TILE_COLUMNS * v->rows));
}

/* Depends on the shape and the device only. */
static const sm90_variant *choose(const alm_op_args *a, int multiprocessors)
{
    const bool gated = ((const alm_linear_attr *)a->attr)->epilogue == ALM_EPILOGUE_SWIGLU;
    const sm90_variant *best = nullptr;
    double least = 0;
    for (int i = 0; i < VARIANTS; i++) {
        const double clocks =
            expected_clocks(&variants[i], a->in[0].desc.dim[0], a->in[1].desc.dim[0],
                            a->in[0].desc.dim[1], multiprocessors);
        if (variants[i].gated == gated && variants[i].blocks == 2 && (!best || clocks < least)) {
            best = &variants[i];
            least = clocks;
        }
    }
    return best;
}

extern "C" bool alm_linear_sm90_accepts(const alm_op_args *a)
{
    const alm_tensor *x = &a->in[0], *w = &a->in[1], *up = alm_optional(a, 4);
    return x->desc.dtype == ALM_DTYPE_BF16 && w->desc.dtype == ALM_DTYPE_BF16 &&
           (!up || up->desc.dtype == ALM_DTYPE_BF16) && x->desc.dim[0] > 16 && x->desc.dim[1] > 0 &&
           x->desc.dim[1] % 8 == 0 && x->stride % 8 == 0 && w->desc.dim[0] % 8 == 0;
}

extern "C" alm_status alm_linear_sm90_run(const alm_exec *x, const alm_op_args *a)
{
    const alm_tensor *up = alm_optional(a, 4);
    if ((uintptr_t)a->in[0].data % 16 != 0 || (uintptr_t)a->in[1].data % 16 != 0 ||
        (up && (uintptr_t)up->data % 16 != 0)) {
        return alm_linear_mma_run(x, a);
    }
    return choose(a, processors(x))->launch(x, a);
}
