/* Linear layers on the CPU, written once for AVX-512 and AVX2.
 *
 * The output is cut into blocks of rows × columns, one task each. A task walks over K in steps of
 * KC: it packs the weights of its columns into panels [KC][NR] of floats (widened and transposed;
 * the file's weights are never kept a second time), then takes the rows MR at a time, copies their
 * KC elements together, and lets the register tile of MR × NR accumulators run along k. Between two
 * steps of KC the accumulators rest in the thread's workspace, so an element is one chain of fused
 * multiply-adds over k = 0 ... K−1 whatever the blocks are. After the last step the epilogue turns
 * the finished tile into output while it is in the cache.
 *
 * SWIGLU has two weights; their panels alternate, gate first, and share the rows. BF16 rows are
 * widened when they are copied, BF16 results rounded when they are stored: between the two there is
 * no difference.
 */
#include "kernels/linear/linear.h"

#include "kernels/core/memory.h"
#include "kernels/core/numeric.h"
#include "kernels/core/simd_math.h"
#include "kernels/core/simd_rows.h"

#define KERNEL static inline __attribute__((always_inline))

enum {
    VW = ALM_VF_WIDTH,
    NV = 2,       /* vectors across a register tile */
    NR = NV * VW, /* columns of a register tile and of a panel */
#if defined(__AVX512F__)
    MR = 14, /* rows of a register tile: 28 accumulators, 2 vectors of weights, 1 of x */
#else
    MR = 6, /* 12, 2 and 1 of 16 registers */
#endif
    TILE = MR * NR,          /* floats of a register tile */
    KC = 256,                /* steps of k between two visits; a multiple of 2·VW */
    PANEL = KC * NR,         /* floats of a panel */
    SLICE = KC + 16,         /* floats between the rows of a slice: not a multiple of 4096 bytes */
    MAX_PANELS = 512 / NR,   /* of a block: 512 KB of L2 */
    MAX_TILES = 1232 / MR,   /* of a block, along the rows */
    FEW_TILES = 16,          /* a block is not split below that while columns can be split */
    TASKS_A_THREAD = 4,      /* so that a thread that was held up does not hold up the others */
    LINE = ALM_ALIGNMENT / 4 /* floats of a cache line */
};

typedef struct job {
    const alm_op_args *args;
    alm_epilogue epilogue;
    const alm_tensor *weight[2];
    int weights; /* 1, or 2 for SWIGLU */
    int64_t rows, columns, depth;
    int64_t row_blocks, block_tiles; /* blocks along the rows, each of so many times MR rows */
    int64_t column_blocks;
    int block_strips;     /* a block has so many times NR columns */
    size_t thread_floats; /* of workspace */
} job;

/* Rows and columns of one task, and the workspace of its thread. */
typedef struct block {
    int64_t row, rows, column;
    int panels;
    float *panel; /* [panels][KC][NR] */
    float *slice; /* [MR][SLICE] */
    float *tile;  /* [tiles][panels][MR][NR] */
} block;

/* Asks for the cache line at p to come into the second or first level. Statements, because GCC
 * drops the calls of functions that do nothing else. An address outside every object does no harm.
 */
#define PREFETCH_L2(p) __asm__ volatile("prefetcht1 %0" : : "m"(*(const char *)(p)))
#define PREFETCH_L1(p) __asm__ volatile("prefetcht0 %0" : : "m"(*(const char *)(p)))

static int64_t divide_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* ---- packing ---- */

#if defined(__AVX512F__)
/* r[i] holds row i on entry and column i on return. */
KERNEL void transpose(alm_vi r[VW])
{
    __m512i a[16], b[16];
#pragma GCC unroll 8
    for (int i = 0; i < 16; i += 2) {
        a[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        a[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 16; i += 4) {
        b[i] = _mm512_unpacklo_epi64(a[i], a[i + 2]);
        b[i + 1] = _mm512_unpackhi_epi64(a[i], a[i + 2]);
        b[i + 2] = _mm512_unpacklo_epi64(a[i + 1], a[i + 3]);
        b[i + 3] = _mm512_unpackhi_epi64(a[i + 1], a[i + 3]);
    }
    /* b[4·g + c] holds, in quarter q, column 4·q + c of rows 4·g ... 4·g + 3. */
#pragma GCC unroll 4
    for (int c = 0; c < 4; c++) {
        const __m512i even01 = _mm512_shuffle_i32x4(b[c], b[4 + c], 0x88);
        const __m512i odd01 = _mm512_shuffle_i32x4(b[c], b[4 + c], 0xDD);
        const __m512i even23 = _mm512_shuffle_i32x4(b[8 + c], b[12 + c], 0x88);
        const __m512i odd23 = _mm512_shuffle_i32x4(b[8 + c], b[12 + c], 0xDD);
        r[c] = _mm512_shuffle_i32x4(even01, even23, 0x88);
        r[4 + c] = _mm512_shuffle_i32x4(odd01, odd23, 0x88);
        r[8 + c] = _mm512_shuffle_i32x4(even01, even23, 0xDD);
        r[12 + c] = _mm512_shuffle_i32x4(odd01, odd23, 0xDD);
    }
}
#define VI_LOAD(p) _mm512_loadu_si512(p)
#define VI_LOW_HALF(v) _mm512_slli_epi32((v), 16)
#define VI_HIGH_HALF(v) _mm512_and_si512((v), _mm512_set1_epi32((int)0xFFFF0000u))
#else
KERNEL void transpose(alm_vi r[VW])
{
    __m256i a[8], b[8];
#pragma GCC unroll 4
    for (int i = 0; i < 8; i += 2) {
        a[i] = _mm256_unpacklo_epi32(r[i], r[i + 1]);
        a[i + 1] = _mm256_unpackhi_epi32(r[i], r[i + 1]);
    }
#pragma GCC unroll 2
    for (int i = 0; i < 8; i += 4) {
        b[i] = _mm256_unpacklo_epi64(a[i], a[i + 2]);
        b[i + 1] = _mm256_unpackhi_epi64(a[i], a[i + 2]);
        b[i + 2] = _mm256_unpacklo_epi64(a[i + 1], a[i + 3]);
        b[i + 3] = _mm256_unpackhi_epi64(a[i + 1], a[i + 3]);
    }
#pragma GCC unroll 4
    for (int c = 0; c < 4; c++) {
        r[c] = _mm256_permute2x128_si256(b[c], b[4 + c], 0x20);
        r[4 + c] = _mm256_permute2x128_si256(b[c], b[4 + c], 0x31);
    }
}
#define VI_LOAD(p) _mm256_loadu_si256((const __m256i *)(p))
#define VI_LOW_HALF(v) _mm256_slli_epi32((v), 16)
#define VI_HIGH_HALF(v) _mm256_and_si256((v), _mm256_set1_epi32((int)0xFFFF0000u))
#endif

/* 2·VW bf16 of each of VW rows at row[i] + at, to to[k][NR] for k < 2·VW. The rows are more streams
 * than the hardware follows, so the lines after next are asked for. */
KERNEL void pack_bf16(const char *const row[VW], size_t at, float *to)
{
    alm_vi r[VW];
#pragma GCC unroll 16
    for (int i = 0; i < VW; i++) {
        PREFETCH_L1(row[i] + at + 2 * ALM_ALIGNMENT);
        r[i] = VI_LOAD(row[i] + at);
    }
    transpose(r);
#pragma GCC unroll 16
    for (int i = 0; i < VW; i++) {
        alm_vf_store(to + 2 * i * NR, alm_vf_from_bits(VI_LOW_HALF(r[i])));
        alm_vf_store(to + (2 * i + 1) * NR, alm_vf_from_bits(VI_HIGH_HALF(r[i])));
    }
}

/* 2·VW floats of each of VW rows, likewise. */
KERNEL void pack_f32(const char *const row[VW], size_t at, float *to)
{
    for (int half = 0; half < 2; half++) {
        alm_vi r[VW];
#pragma GCC unroll 16
        for (int i = 0; i < VW; i++) {
            r[i] = VI_LOAD(row[i] + at + (size_t)half * sizeof(alm_vf));
        }
        transpose(r);
#pragma GCC unroll 16
        for (int i = 0; i < VW; i++) {
            alm_vf_store(to + (half * VW + i) * NR, alm_vf_from_bits(r[i]));
        }
    }
}

/* weight[column ... column + NR, k0 ... k0 + depth] as floats to panel[depth][NR], rounded up to
 * 2·VW steps of k with zeros. Columns past the last repeat it, nobody reads their sums. */
static void pack_panel(const alm_tensor *weight, int64_t column, int64_t k0, int64_t depth,
                       float *panel)
{
    const bool bf16 = weight->desc.dtype == ALM_DTYPE_BF16;
    const size_t size = bf16 ? 2 : 4;
    const size_t pitch = (size_t)alm_desc_row(&weight->desc) * size;
    const int64_t last = weight->desc.dim[0] - 1;
    const char *row[NV][VW];
    for (int i = 0; i < NR; i++) {
        const int64_t m = column + i < last ? column + i : last;
        row[i / VW][i % VW] = (const char *)weight->data + (size_t)m * pitch + (size_t)k0 * size;
    }
    for (int64_t k = 0; k < depth; k += 2 * VW) {
        for (int v = 0; v < NV; v++) {
            size_t at = (size_t)k * size;
            char rest[VW][2 * VW * 4];
            if (k + 2 * VW > depth) {
                memset(rest, 0, sizeof rest);
                for (int i = 0; i < VW; i++) {
                    memcpy(rest[i], row[v][i] + at, (size_t)(depth - k) * size);
                    row[v][i] = rest[i];
                }
                at = 0;
            }
            if (bf16) {
                pack_bf16(row[v], at, panel + k * NR + v * VW);
            } else {
                pack_f32(row[v], at, panel + k * NR + v * VW);
            }
        }
    }
}

/* x[row ... row + rows, k0 ... k0 + depth] to slice; zeros in the rows behind up to `padded`. */
static void pack_slice(const alm_tensor *x, int64_t row, int64_t rows, int64_t padded, int64_t k0,
                       int64_t depth, float *slice)
{
    const bool bf16 = x->desc.dtype == ALM_DTYPE_BF16;
    for (int64_t r = 0; r < rows; r++) {
        const int64_t from = (row + r) * x->stride + k0;
        float *to = slice + r * SLICE;
        for (int64_t k = 0; k < depth; k += VW) {
            alm_vf_store(to + k, alm_vf_load_weight(bf16, x->data, from + k, depth - k));
        }
    }
    for (int64_t r = rows; r < padded; r++) {
        memset(slice + r * SLICE, 0, (size_t)depth * sizeof *slice);
    }
}

/* ---- the register tile ---- */

/* What the next tiles will read. One line of each is asked for every LINE steps of k: all at once
 * they would take the cache's miss buffers from the tile that is multiplied. */
typedef struct ahead {
    const char *x[2];   /* rows of x */
    const char *weight; /* a row of weights, weight_bytes of it every LINE steps */
    int64_t weight_bytes;
    const char *tile; /* accumulators, two lines every LINE steps */
} ahead;

KERNEL void prefetch_ahead(ahead *at)
{
    PREFETCH_L2(at->x[0]);
    PREFETCH_L2(at->x[1]);
    PREFETCH_L2(at->weight);
    PREFETCH_L1(at->tile);
    PREFETCH_L1(at->tile + ALM_ALIGNMENT);
    at->x[0] += ALM_ALIGNMENT;
    at->x[1] += ALM_ALIGNMENT;
    at->weight += at->weight_bytes;
    at->tile += 2 * ALM_ALIGNMENT;
}

/* tile[p][mr][NR] (+)= slice[mr][depth] · panel[p][depth][NR] for p < panels. mr and panels are
 * constants where this is expanded. */
KERNEL void multiply(const float *slice, const float *panel, float *tile, int64_t depth, bool first,
                     ahead next, const int mr, const int panels)
{
    alm_vf sum[MR * NV];
#pragma GCC unroll 32
    for (int i = 0; i < mr * panels * NV; i++) {
        const int p = i / (mr * NV), r = i / NV % mr, v = i % NV;
        sum[i] = first ? alm_vf_zero() : alm_vf_load(tile + p * TILE + r * NR + v * VW);
    }
    for (int64_t k0 = 0; k0 < depth; k0 += LINE) {
        prefetch_ahead(&next);
        const int64_t end = k0 + LINE < depth ? k0 + LINE : depth;
        for (int64_t k = k0; k < end; k++) {
#pragma GCC unroll 4
            for (int p = 0; p < panels; p++) {
                alm_vf w[NV];
#pragma GCC unroll 2
                for (int v = 0; v < NV; v++) {
                    w[v] = alm_vf_load(panel + p * PANEL + k * NR + v * VW);
                }
#pragma GCC unroll 16
                for (int r = 0; r < mr; r++) {
                    const alm_vf s = alm_vf_set1(slice[r * SLICE + k]);
                    alm_vf *sums = sum + (p * mr + r) * NV;
#pragma GCC unroll 2
                    for (int v = 0; v < NV; v++) {
                        sums[v] = alm_vf_fma(s, w[v], sums[v]);
                    }
                }
            }
        }
    }
#pragma GCC unroll 32
    for (int i = 0; i < mr * panels * NV; i++) {
        const int p = i / (mr * NV), r = i / NV % mr, v = i % NV;
        alm_vf_store(tile + p * TILE + r * NR + v * VW, sum[i]);
    }
}

typedef void multiply_fn(const float *slice, const float *panel, float *tile, int64_t depth,
                         bool first, const ahead *next);

#define MULTIPLY(mr, panels)                                                                       \
    static void multiply_##mr##_##panels(const float *slice, const float *panel, float *tile,      \
                                         int64_t depth, bool first, const ahead *next)             \
    {                                                                                              \
        multiply(slice, panel, tile, depth, first, *next, mr, panels);                             \
    }

/* A tile of fewer rows takes several panels at a time, to have enough independent chains. */
typedef struct variant {
    int rows, panels;
    multiply_fn *several, *one;
} variant;

#if defined(__AVX512F__)
MULTIPLY(14, 1)
MULTIPLY(8, 1)
MULTIPLY(4, 2)
MULTIPLY(4, 1)
MULTIPLY(2, 4)
MULTIPLY(2, 1)
MULTIPLY(1, 4)
MULTIPLY(1, 1)
static const variant variants[] = {
    {1, 4, multiply_1_4, multiply_1_1},    {2, 4, multiply_2_4, multiply_2_1},
    {4, 2, multiply_4_2, multiply_4_1},    {8, 1, multiply_8_1, multiply_8_1},
    {MR, 1, multiply_14_1, multiply_14_1},
};
#else
MULTIPLY(6, 1)
MULTIPLY(4, 1)
MULTIPLY(2, 2)
MULTIPLY(2, 1)
MULTIPLY(1, 4)
MULTIPLY(1, 1)
static const variant variants[] = {
    {1, 4, multiply_1_4, multiply_1_1},
    {2, 2, multiply_2_2, multiply_2_1},
    {4, 1, multiply_4_1, multiply_4_1},
    {MR, 1, multiply_6_1, multiply_6_1},
};
#endif

static const variant *variant_for(int64_t rows)
{
    const variant *v = variants;
    while (v->rows < rows) {
        v++;
    }
    return v;
}

/* ---- the epilogue ---- */

/* The bias of columns `at` ... `at + n`, zeros behind and without a bias. */
static void load_bias(const alm_tensor *bias, int64_t at, int64_t n, float to[NR])
{
    memset(to, 0, NR * sizeof *to);
    for (int64_t i = 0; bias && i < n; i++) {
        to[i] = alm_weight_at(bias->desc.dtype == ALM_DTYPE_BF16, bias->data, at + i);
    }
}

KERNEL alm_vf activate(alm_vf v, alm_vf up, alm_epilogue kind)
{
    switch (kind) {
    case ALM_EPILOGUE_RELU: return alm_vf_max(alm_vf_zero(), v);
    case ALM_EPILOGUE_SILU: return alm_vf_silu(v);
    case ALM_EPILOGUE_GELU_ERF: return alm_vf_gelu_erf(v);
    case ALM_EPILOGUE_GELU_TANH: return alm_vf_gelu_tanh(v);
    case ALM_EPILOGUE_SWIGLU: return alm_vf_silu(v) * up;
    case ALM_EPILOGUE_NONE: break;
    }
    return v;
}

/* One tile (and `up` beside it) to the output rows from `row`, columns from `column`. */
KERNEL void finish(const job *j, const float *tile, const float *up, int64_t row, int64_t rows,
                   int64_t column, const alm_epilogue kind)
{
    const int64_t columns = j->columns - column < NR ? j->columns - column : NR;
    const alm_tensor *residual = alm_optional(j->args, 3), *out = &j->args->out[0];
    const bool out_bf16 = out->desc.dtype == ALM_DTYPE_BF16;
    float bias[NR];
    load_bias(alm_optional(j->args, 2), column, columns, bias);
    for (int64_t r = 0; r < rows; r++) {
        const int64_t to = (row + r) * out->stride + column;
        const float *add = residual ? alm_row(const float, residual, row + r) + column : NULL;
        for (int v = 0; v < NV; v++) {
            const int64_t n = columns - v * VW;
            if (n <= 0) {
                break;
            }
            const int64_t at = r * NR + v * VW;
            alm_vf y = activate(alm_vf_load(tile + at) + alm_vf_load(bias + v * VW),
                                up ? alm_vf_load(up + at) : alm_vf_zero(), kind);
            if (add) {
                y = y + alm_vf_load_n(add + v * VW, n);
            }
            alm_vf_store_value(out_bf16, out->data, to + v * VW, y, n);
        }
    }
}

static void finish_tile(const job *j, const float *tile, int64_t row, int64_t rows, int64_t column)
{
    switch (j->epilogue) {
    case ALM_EPILOGUE_NONE: finish(j, tile, NULL, row, rows, column, ALM_EPILOGUE_NONE); break;
    case ALM_EPILOGUE_RELU: finish(j, tile, NULL, row, rows, column, ALM_EPILOGUE_RELU); break;
    case ALM_EPILOGUE_SILU: finish(j, tile, NULL, row, rows, column, ALM_EPILOGUE_SILU); break;
    case ALM_EPILOGUE_GELU_ERF:
        finish(j, tile, NULL, row, rows, column, ALM_EPILOGUE_GELU_ERF);
        break;
    case ALM_EPILOGUE_GELU_TANH:
        finish(j, tile, NULL, row, rows, column, ALM_EPILOGUE_GELU_TANH);
        break;
    case ALM_EPILOGUE_SWIGLU:
        finish(j, tile, tile + TILE, row, rows, column, ALM_EPILOGUE_SWIGLU);
        break;
    }
}

/* ---- tasks ---- */

/* While panel p of register row `tile` is multiplied: rows p (and p + panels) of x for the next
 * register row, row `tile` of the panel's weights for the next step of KC, the next accumulators.
 */
static ahead look_ahead(const job *j, const block *b, int64_t tile, int p, int64_t k0)
{
    const char *nothing = (const char *)b->slice;
    ahead next = {.x = {nothing, nothing},
                  .weight = nothing,
                  .tile = (const char *)(b->tile + (tile * b->panels + p + 1) * TILE)};
    const alm_tensor *x = &j->args->in[0];
    for (int i = 0; i < 2; i++) {
        const int64_t r = p + i * b->panels, row = (tile + 1) * MR + r;
        if (r < MR && row < b->rows) {
            const int64_t at = (b->row + row) * x->stride + k0;
            next.x[i] = (const char *)x->data + (size_t)at * alm_dtype_size(x->desc.dtype);
        }
    }
    const alm_tensor *weight = j->weight[p % j->weights];
    const int64_t m = b->column + p / j->weights * NR + tile;
    if (k0 + KC < j->depth && tile < NR && m < j->columns) {
        const size_t size = weight->desc.dtype == ALM_DTYPE_BF16 ? 2 : 4;
        next.weight = (const char *)weight->data + (size_t)(m * j->depth + k0 + KC) * size;
        next.weight_bytes = (int64_t)size * LINE;
    }
    return next;
}

/* k0 ... k0 + depth for one register row of a block. */
static void run_tiles(const job *j, const block *b, int64_t tile, int64_t k0, int64_t depth)
{
    const int64_t row = b->row + tile * MR;
    const int64_t left = b->row + b->rows - row;
    const int64_t rows = left < MR ? left : MR;
    const variant *v = variant_for(rows);
    float *tiles = b->tile + tile * b->panels * TILE;
    pack_slice(&j->args->in[0], row, rows, v->rows, k0, depth, b->slice);
    for (int p = 0; p < b->panels;) {
        const bool several = p + v->panels <= b->panels;
        const ahead next = look_ahead(j, b, tile, p, k0);
        (several ? v->several : v->one)(b->slice, b->panel + p * PANEL, tiles + p * TILE, depth,
                                        k0 == 0, &next);
        p += several ? v->panels : 1;
    }
    if (k0 + depth == j->depth) {
        for (int p = 0; p < b->panels; p += j->weights) {
            finish_tile(j, tiles + p * TILE, row, rows, b->column + p / j->weights * NR);
        }
    }
}

static void run_block(void *context, int64_t index, int thread)
{
    const job *j = context;
    float *workspace = (float *)j->args->workspace + (size_t)thread * j->thread_floats;
    block b = {.row = index % j->row_blocks * j->block_tiles * MR,
               .column = index / j->row_blocks * j->block_strips * NR,
               .slice = workspace,
               .panel = workspace + MR * SLICE};
    const int64_t rows = j->rows - b.row;
    const int64_t strips = divide_up(j->columns - b.column, NR);
    b.rows = rows < j->block_tiles * MR ? rows : j->block_tiles * MR;
    b.panels = (int)(strips < j->block_strips ? strips : j->block_strips) * j->weights;
    b.tile = b.panel + b.panels * PANEL;
    int64_t k0 = 0;
    do {
        const int64_t depth = j->depth - k0 < KC ? j->depth - k0 : KC;
        for (int p = 0; p < b.panels; p++) {
            pack_panel(j->weight[p % j->weights], b.column + p / j->weights * NR, k0, depth,
                       b.panel + p * PANEL);
        }
        for (int64_t tile = 0; tile * MR < b.rows; tile++) {
            run_tiles(j, &b, tile, k0, depth);
        }
        k0 += depth;
    } while (k0 < j->depth);
}

/* The largest blocks, in rows all of a size. The workspace is that of the largest block there can
 * be, so that it never shrinks with more rows. */
static void largest_block(job *j)
{
    const int64_t tiles = divide_up(j->rows, MR), strips = divide_up(j->columns, NR);
    const int64_t most = MAX_PANELS / j->weights;
    j->block_tiles = divide_up(tiles, divide_up(tiles, MAX_TILES));
    j->block_strips = (int)(strips < most ? strips : most);
    const int64_t panels = (int64_t)j->block_strips * j->weights;
    const int64_t most_tiles = tiles < MAX_TILES ? tiles : MAX_TILES;
    j->thread_floats = (size_t)(MR * SLICE + panels * PANEL + most_tiles * panels * TILE);
}

/* Halves the blocks until there are enough for the threads. */
static void choose_blocks(job *j, int threads)
{
    const int64_t tiles = divide_up(j->rows, MR), strips = divide_up(j->columns, NR);
    const int64_t wanted = threads > 1 ? (int64_t)threads * TASKS_A_THREAD : 1;
    for (;;) {
        j->row_blocks = divide_up(tiles, j->block_tiles);
        j->column_blocks = divide_up(strips, j->block_strips);
        if (j->row_blocks * j->column_blocks >= wanted) {
            return;
        }
        if (j->block_tiles >= 2 * FEW_TILES) {
            j->block_tiles = divide_up(j->block_tiles, 2);
        } else if (j->block_strips > 1) {
            j->block_strips = (j->block_strips + 1) / 2;
        } else {
            return;
        }
    }
}

static job job_for(const alm_op_args *a, int64_t rows)
{
    const alm_linear_attr *attr = a->attr;
    job j = {.args = a,
             .epilogue = attr->epilogue,
             .weight = {&a->in[1], alm_optional(a, 4)},
             .weights = attr->epilogue == ALM_EPILOGUE_SWIGLU ? 2 : 1,
             .rows = rows,
             .columns = a->in[1].desc.dim[0],
             .depth = a->in[0].desc.dim[1]};
    if (j.rows > 0 && j.columns > 0) {
        largest_block(&j);
    }
    return j;
}

/* For the capacity; fewer rows in use need no more. */
size_t ALM_SIMD_NAME(alm_linear_workspace)(const alm_op_args *a, const alm_device *device)
{
    const job j = job_for(a, a->in[0].desc.dim[0]);
    return (size_t)device->threads * j.thread_floats * sizeof(float);
}

alm_status ALM_SIMD_NAME(alm_linear_f32)(const alm_exec *x, const alm_op_args *a)
{
    job j = job_for(a, alm_rows(&a->in[0]));
    if (j.rows > 0 && j.columns > 0) {
        choose_blocks(&j, alm_pool_threads(x->pool));
        alm_parallel_for(x->pool, j.row_blocks * j.column_blocks, run_block, &j);
    }
    return ALM_OK;
}
