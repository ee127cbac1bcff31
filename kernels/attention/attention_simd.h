/* Attention without the matrix of scores, on vectors of floats. Compiled for AVX-512 and AVX2.
 *
 * A first pass copies keys and values into tiles of KEYS keys a key head: keys transposed
 * [head_dim, KEYS], values [KEYS, padded head_dim], and turns the rules of the keys into bounds.
 * The second pass has a task for each head and QUERIES queries. It goes through the key tiles in
 * order; for each GROUP of queries it computes the scores of the tile in registers, masks them,
 * follows the running maximum of each row (online softmax), and adds the weighted values to the
 * row's sum.
 *
 * Key tiles start at multiples of KEYS and every row has its own chain of operations, so the bits
 * of a row depend on its visible keys only. A tile that no row of a group sees is left out; for a
 * row that sees nothing of a tile that is not left out, the maximum stays, the old sums are
 * multiplied by e^0 = 1 and zeros are added, which changes no bit. (Not even the sign of a zero:
 * the last operation adds +0.) Hidden keys and values must be finite, as 0·∞ is not 0.
 *
 * BF16 queries, keys and values are widened when they are copied, a BF16 result is rounded when it
 * is stored; everything between is float32.
 */
#include <math.h>
#include <string.h>

#include "kernels/attention/attention.h"
#include "kernels/core/numeric.h"
#include "kernels/core/simd_rows.h"

enum {
    KEYS = 64,   /* of a tile */
    GROUP = 6,   /* queries whose scores are in registers at a time */
    GROUPS = 16, /* of a task */
    QUERIES = GROUP * GROUPS,
    W = ALM_VF_WIDTH,
    BLOCK = W == 16 ? 4 : 2, /* vectors of a register block: GROUP·BLOCK sums, all in registers */
    KINDS = 3
};

/* A score may never get as low as where the running maximum starts. */
#define LOWEST (-0x1p127f)

/* How many keys of a tile a kind of query sees always, and never; the others by its range. */
typedef struct tile_info {
    int always[KINDS], never[KINDS];
} tile_info;

/* Key numbers are floats here, exact up to 2^24. Query i of a kind sees key j of a
 * tile when first[kind][j] >= begin_i and last[kind][j] < end_i:
 * both are the number of the key where the range decides, and infinities where it does not. */
typedef struct tile_rule {
    float first[KINDS][KEYS], last[KINDS][KEYS];
    tile_info info;
} tile_rule;

/* What a task needs of its own. */
typedef struct scratch {
    float *q;      /* [GROUPS, head_dim, GROUP], scaled so that weights are powers of 2 */
    float *sum;    /* [GROUPS, GROUP, padded head_dim]: of weighted values */
    float *total;  /* [GROUPS, GROUP, W]: of weights, in W parts */
    float *top;    /* [GROUPS, W]: the running maximum of each row */
    float *weight; /* [GROUPS, GROUP, KEYS]: scores, then weights, of a tile */
    float *factor; /* [GROUPS, W]: of the sums so far */
} scratch;

typedef struct layout {
    const alm_op_args *a;
    const alm_attention_attr *attr;
    int64_t d, padded; /* head_dim, and rounded up to whole vectors */
    int64_t keys, tiles, queries;
    float *k;            /* [kv_heads, tiles, d, KEYS] */
    float *v;            /* [kv_heads, tiles, KEYS, padded] */
    tile_rule *rule;     /* [tiles] */
    char *scratch;       /* [threads] */
    size_t scratch_size; /* of one thread */
} layout;

static size_t take(size_t *at, size_t count, size_t size)
{
    const size_t begin = *at, align = 64;
    *at = (begin + count * size + align - 1) / align * align;
    return begin;
}

static size_t carve_scratch(int64_t d, int64_t padded, char *base, scratch *s)
{
    size_t at = 0;
    const size_t q = take(&at, (size_t)(QUERIES * d), sizeof *s->q);
    const size_t sum = take(&at, (size_t)(QUERIES * padded), sizeof *s->sum);
    const size_t total = take(&at, QUERIES * W, sizeof *s->total);
    const size_t top = take(&at, GROUPS * W, sizeof *s->top);
    const size_t weight = take(&at, QUERIES * KEYS, sizeof *s->weight);
    const size_t factor = take(&at, GROUPS * W, sizeof *s->factor);
    if (s) {
        s->q = (float *)(void *)(base + q);
        s->sum = (float *)(void *)(base + sum);
        s->total = (float *)(void *)(base + total);
        s->top = (float *)(void *)(base + top);
        s->weight = (float *)(void *)(base + weight);
        s->factor = (float *)(void *)(base + factor);
    }
    return at;
}

/* Sizes and addresses of the workspace; returns its bytes. By capacities, so that it does not
 * depend on the rows in use. */
static size_t carve(const alm_op_args *a, int threads, layout *l)
{
    const alm_attention_attr *attr = a->attr;
    char *base = a->workspace;
    size_t at = 0;
    l->a = a;
    l->attr = attr;
    l->d = attr->head_dim;
    l->padded = (l->d + W - 1) / W * W;
    l->tiles = (a->in[1].desc.dim[0] + KEYS - 1) / KEYS;
    const size_t tiles = (size_t)l->tiles, heads = (size_t)attr->kv_heads;
    const size_t k = take(&at, heads * tiles * (size_t)l->d * KEYS, sizeof *l->k);
    const size_t v = take(&at, heads * tiles * (size_t)l->padded * KEYS, sizeof *l->v);
    const size_t rule = take(&at, tiles, sizeof *l->rule);
    l->scratch_size = carve_scratch(l->d, l->padded, NULL, NULL);
    const size_t own = take(&at, (size_t)threads, l->scratch_size);
    if (base) {
        l->k = (float *)(void *)(base + k);
        l->v = (float *)(void *)(base + v);
        l->rule = (tile_rule *)(void *)(base + rule);
        l->scratch = base + own;
    }
    return at;
}

size_t ALM_SIMD_NAME(alm_attention_workspace)(const alm_op_args *a, const alm_device *device)
{
    layout l;
    alm_op_args sized = *a;
    sized.workspace = NULL;
    return carve(&sized, device->threads, &l);
}

static int64_t tiles_in_use(const layout *l)
{
    return (l->keys + KEYS - 1) / KEYS;
}

/* The rules of the keys of a tile. Keys past those in use are plain: they lie behind the end of
 * every range. */
static void pack_rule(const layout *l, int64_t tile)
{
    tile_rule *rule = &l->rule[tile];
    for (int kind = 0; kind < KINDS; kind++) {
        rule->info.always[kind] = rule->info.never[kind] = 0;
        for (int64_t j = 0; j < KEYS; j++) {
            const int64_t key = tile * KEYS + j;
            const int32_t key_kind =
                key < l->keys ? alm_row(const int32_t, &l->a->in[4], key)[2] : ALM_ROW_PLAIN;
            const bool never = kind == ALM_ROW_INVARIANT && key_kind == ALM_ROW_EQUIVARIANT;
            const bool always = !never && kind != ALM_ROW_PLAIN && key_kind != ALM_ROW_PLAIN;
            rule->first[kind][j] = never ? -INFINITY : always ? INFINITY : (float)key;
            rule->last[kind][j] = never ? INFINITY : always ? -INFINITY : (float)key;
            rule->info.always[kind] += always;
            rule->info.never[kind] += never;
        }
    }
}

/* One head of STRIP keys from key `first` of a tile on: k[d, KEYS] and v[KEYS, padded]. Keys past
 * those in use and channels past head_dim become zero. */
enum { STRIP = 16 };

static void pack_strip(const layout *l, int64_t head, int64_t tile, int64_t first)
{
    const int64_t d = l->d, at = head * l->tiles + tile;
    const alm_tensor *all_k = &l->a->in[1], *all_v = &l->a->in[2];
    const bool bf16 = all_k->desc.dtype == ALM_DTYPE_BF16;
    float *k = l->k + at * d * KEYS, *v = l->v + at * l->padded * KEYS;
    for (int64_t j = first; j < first + STRIP; j++) {
        const int64_t key = tile * KEYS + j;
        float *to_v = v + j * l->padded;
        if (key >= l->keys) {
            for (int64_t c = 0; c < d; c++) {
                k[c * KEYS + j] = 0;
            }
            memset(to_v, 0, (size_t)l->padded * sizeof *to_v);
            continue;
        }
        const int64_t from_k = key * all_k->stride + head * d;
        const int64_t from_v = key * all_v->stride + head * d;
        for (int64_t c = 0; c < d; c++) {
            k[c * KEYS + j] = alm_weight_at(bf16, all_k->data, from_k + c);
        }
        for (int64_t c = 0; c < d; c += W) {
            alm_vf_store(to_v + c, alm_vf_load_weight(bf16, all_v->data, from_v + c, d - c));
        }
    }
}

/* All heads of a tile, so that rows of keys and values are read from begin to end. */
static void pack(void *context, int64_t tile, int thread)
{
    (void)thread;
    const layout *l = context;
    pack_rule(l, tile);
    for (int64_t first = 0; first < KEYS; first += STRIP) {
        for (int64_t head = 0; head < l->attr->kv_heads; head++) {
            pack_strip(l, head, tile, first);
        }
    }
}

/* s[GROUP, KEYS] = q[d, GROUP]ᵀ·k[d, KEYS], each a chain over d. */
static inline void scores(const float *restrict q, const float *restrict k, int64_t d,
                          float *restrict s)
{
    for (int j = 0; j < KEYS; j += BLOCK * W) {
        alm_vf sum[GROUP][BLOCK];
        for (int r = 0; r < GROUP; r++) {
            for (int b = 0; b < BLOCK; b++) {
                sum[r][b] = alm_vf_zero();
            }
        }
        for (int64_t c = 0; c < d; c++) {
            alm_vf key[BLOCK];
            for (int b = 0; b < BLOCK; b++) {
                key[b] = alm_vf_load(k + c * KEYS + j + b * W);
            }
            for (int r = 0; r < GROUP; r++) {
                const alm_vf query = alm_vf_set1(q[c * GROUP + r]);
                for (int b = 0; b < BLOCK; b++) {
                    sum[r][b] = alm_vf_fma(query, key[b], sum[r][b]);
                }
            }
        }
        for (int r = 0; r < GROUP; r++) {
            for (int b = 0; b < BLOCK; b++) {
                alm_vf_store(s + r * KEYS + j + b * W, sum[r][b]);
            }
        }
    }
}

/* o[GROUP, padded] = alpha·o + p[GROUP, KEYS]·v[KEYS, padded] for `blocks` vectors of channels. */
static inline __attribute__((always_inline)) void weigh_block(const float *restrict p,
                                                              const float *restrict v,
                                                              int64_t padded, const float *alpha,
                                                              float *restrict o, const int blocks)
{
    alm_vf sum[GROUP][BLOCK];
    for (int r = 0; r < GROUP; r++) {
        for (int b = 0; b < blocks; b++) {
            sum[r][b] = alm_vf_load(o + r * padded + b * W) * alm_vf_set1(alpha[r]);
        }
    }
    for (int64_t j = 0; j < KEYS; j++) {
        alm_vf value[BLOCK];
        for (int b = 0; b < blocks; b++) {
            value[b] = alm_vf_load(v + j * padded + b * W);
        }
        for (int r = 0; r < GROUP; r++) {
            const alm_vf weight = alm_vf_set1(p[r * KEYS + j]);
            for (int b = 0; b < blocks; b++) {
                sum[r][b] = alm_vf_fma(weight, value[b], sum[r][b]);
            }
        }
    }
    for (int r = 0; r < GROUP; r++) {
        for (int b = 0; b < blocks; b++) {
            alm_vf_store(o + r * padded + b * W, sum[r][b]);
        }
    }
}

static inline void weigh(const float *p, const float *v, int64_t padded, const float *alpha,
                         float *o)
{
    int64_t c = 0;
    for (; c + BLOCK * W <= padded; c += BLOCK * W) {
        weigh_block(p, v + c, padded, alpha, o + c, BLOCK);
    }
    for (; c < padded; c += W) {
        weigh_block(p, v + c, padded, alpha, o + c, 1);
    }
}

/* What a group of queries sees of a tile. */
typedef enum visible { VISIBLE_NONE, VISIBLE_SOME, VISIBLE_ALL } visible;

/* Queries of a group: their range within the keys, and their kind. Rows past the last query repeat
 * it. */
typedef struct group_rule {
    float begin[GROUP], end[GROUP];
    int kind[GROUP];
} group_rule;

static visible classify(const group_rule *g, const tile_info *info, int64_t tile)
{
    const float first = (float)(tile * KEYS), behind = (float)(tile * KEYS + KEYS);
    bool all = true, none = true;
    for (int r = 0; r < GROUP; r++) {
        const int always = info->always[g->kind[r]], never = info->never[g->kind[r]];
        const bool by_range = always + never < KEYS;
        const bool inside = g->begin[r] <= first && g->end[r] >= behind;
        const bool outside = g->end[r] <= first || g->begin[r] >= behind;
        all = all && never == 0 && (!by_range || inside);
        none = none && always == 0 && (!by_range || outside);
    }
    return none ? VISIBLE_NONE : all ? VISIBLE_ALL : VISIBLE_SOME;
}

/* Hides what the rows do not see: their scores become minus infinity. */
static inline void hide(const group_rule *g, const tile_rule *rule, float *s)
{
    const alm_vf hidden = alm_vf_set1(-INFINITY);
    for (int r = 0; r < GROUP; r++) {
        const alm_vf begin = alm_vf_set1(g->begin[r]), end = alm_vf_set1(g->end[r]);
        for (int j = 0; j < KEYS; j += W) {
            const alm_vf first = alm_vf_load(rule->first[g->kind[r]] + j);
            const alm_vf last = alm_vf_load(rule->last[g->kind[r]] + j);
            alm_vf v = alm_vf_load(s + r * KEYS + j);
            v = alm_vf_select_less(first, begin, hidden, v);
            alm_vf_store(s + r * KEYS + j, alm_vf_select_less(last, end, v, hidden));
        }
    }
}

static inline float largest(alm_vf v)
{
#if defined(__AVX512F__)
    return _mm512_reduce_max_ps(v);
#else
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
#endif
}

/* Vectors whose powers are computed side by side, to fill the latency of each other's steps. */
enum { SIDE = 4 };

/* x = 2^x for x <= 0, within 2 units in the last place; 1 for 0, 0 for minus infinity, NaN for NaN.
 * The polynomial is a minimax fit of (2^r - 1)/r on |r| <= 1/2; with rounded coefficients the power
 * is off by 1.6e-8 of itself. */
static inline void powers(alm_vf x[SIDE])
{
    static const float coefficient[] = {0x1.5f3e52p-10f, 0x1.3b2d4cp-7f, 0x1.c6aee8p-5f,
                                        0x1.ebfbdcp-3f,  0x1.62e430p-1f, 1.0f};
    alm_vf whole[SIDE], p[SIDE];
    for (int i = 0; i < SIDE; i++) {
        x[i] = alm_vf_max(alm_vf_set1(-151.0f), x[i]);
        whole[i] = alm_vf_round(x[i]);
        x[i] = x[i] - whole[i];
        p[i] = alm_vf_set1(0x1.41fbbcp-13f);
    }
    for (int step = 0; step < 6; step++) {
        for (int i = 0; i < SIDE; i++) {
            p[i] = alm_vf_fma(p[i], x[i], alm_vf_set1(coefficient[step]));
        }
    }
    for (int i = 0; i < SIDE; i++) {
        x[i] = alm_vf_scale(p[i], whole[i]);
    }
}

/* Scores to weights against the new maximum; updates maximum and total, gives the factors of the
 * old sums. */
static inline void soften(float *s, float *top, float *total, float *alpha)
{
    float next[W];
    for (int r = 0; r < W; r++) {
        next[r] = LOWEST;
    }
    for (int r = 0; r < GROUP; r++) {
        alm_vf m = alm_vf_load(s + r * KEYS);
        for (int j = W; j < KEYS; j += W) {
            m = alm_vf_max(m, alm_vf_load(s + r * KEYS + j));
        }
        next[r] = largest(m);
    }
    const alm_vf old = alm_vf_load(top), now = alm_vf_max(old, alm_vf_load(next));
    alm_vf_store(top, now);
    alm_vf_store(next, now);
    alm_vf change[SIDE] = {old - now, old - now, old - now, old - now}; /* one, to the compiler */
    powers(change);
    alm_vf_store(alpha, change[0]);
    for (int r = 0; r < GROUP; r++) {
        const alm_vf by = alm_vf_set1(next[r]);
        alm_vf sum = alm_vf_load(total + r * W) * alm_vf_set1(alpha[r]);
        for (int j = 0; j < KEYS; j += SIDE * W) {
            alm_vf weight[SIDE];
            for (int i = 0; i < SIDE; i++) {
                weight[i] = alm_vf_load(s + r * KEYS + j + i * W) - by;
            }
            powers(weight);
            for (int i = 0; i < SIDE; i++) {
                alm_vf_store(s + r * KEYS + j + i * W, weight[i]);
            }
            sum += (weight[0] + weight[1]) + (weight[2] + weight[3]);
        }
        alm_vf_store(total + r * W, sum);
    }
}

/* Queries of a task, scaled and interleaved, and their rules. */
static void load_queries(const layout *l, int64_t head, int64_t first, scratch *s, group_rule *rule)
{
    const alm_tensor *all_q = &l->a->in[0];
    const bool bf16 = all_q->desc.dtype == ALM_DTYPE_BF16;
    const size_t size = alm_dtype_size(all_q->desc.dtype);
    /* Rows lie pages apart: without this each waits for the memory by itself. */
    for (int64_t i = first; i < first + QUERIES && i < l->queries; i++) {
        for (int64_t c = 0; c < l->d; c += 16) {
            const int64_t at = i * all_q->stride + head * l->d + c;
            __builtin_prefetch((const char *)all_q->data + (size_t)at * size);
        }
    }
    const float scale = l->attr->scale * 0x1.715476p+0f; /* log2 e */
    for (int64_t i = 0; i < QUERIES; i++) {
        const int64_t wanted = first + i, row = wanted < l->queries ? wanted : l->queries - 1;
        const int64_t group = i / GROUP, r = i % GROUP;
        const int64_t q = row * all_q->stride + head * l->d;
        const int32_t *from = alm_row(const int32_t, &l->a->in[3], row);
        for (int64_t c = 0; c < l->d; c++) {
            s->q[(group * l->d + c) * GROUP + r] = alm_weight_at(bf16, all_q->data, q + c) * scale;
        }
        const int64_t begin = from[0] < 0 ? 0 : from[0];
        rule[group].begin[r] = (float)(begin > l->keys ? l->keys : begin);
        rule[group].end[r] = (float)(from[1] > l->keys ? l->keys : from[1]);
        rule[group].kind[r] = from[2] == ALM_ROW_PLAIN || from[2] == ALM_ROW_INVARIANT
                                  ? from[2]
                                  : ALM_ROW_EQUIVARIANT;
    }
    for (int64_t i = 0; i < QUERIES * l->padded; i++) {
        s->sum[i] = 0;
    }
    for (int64_t i = 0; i < QUERIES * W; i++) {
        s->total[i] = 0;
    }
    for (int64_t i = 0; i < GROUPS * W; i++) {
        s->top[i] = LOWEST;
    }
}

static void store_rows(const layout *l, int64_t head, int64_t first, const scratch *s)
{
    const alm_tensor *out = &l->a->out[0];
    const bool bf16 = out->desc.dtype == ALM_DTYPE_BF16;
    for (int64_t i = 0; i < QUERIES && first + i < l->queries; i++) {
        const int64_t to = (first + i) * out->stride + head * l->d;
        const float sum = alm_vf_sum(alm_vf_load(s->total + i * W));
        /* No key was visible: the sums are zero, and so is the result. */
        const alm_vf total = alm_vf_set1(sum == 0 ? 1 : sum);
        for (int64_t c = 0; c < l->d; c += W) {
            const alm_vf v = alm_vf_load(s->sum + i * l->padded + c);
            alm_vf_store_value(bf16, out->data, to + c, v / total + alm_vf_zero(), l->d - c);
        }
    }
}

/* One key tile for all groups of a task. Each step is done for all groups before the next: keys and
 * values are in the first-level cache in turn, and the chains of different groups overlap. */
static void add_tile(const layout *l, const scratch *s, const group_rule *rule, int groups,
                     int64_t kv_head, int64_t tile)
{
    const float *k = l->k + (kv_head * l->tiles + tile) * l->d * KEYS;
    const float *v = l->v + (kv_head * l->tiles + tile) * l->padded * KEYS;
    visible seen[GROUPS];
    for (int g = 0; g < groups; g++) {
        float *weight = s->weight + g * GROUP * KEYS;
        seen[g] = classify(&rule[g], &l->rule[tile].info, tile);
        if (seen[g] != VISIBLE_NONE) {
            scores(s->q + g * GROUP * l->d, k, l->d, weight);
        }
        if (seen[g] == VISIBLE_SOME) {
            hide(&rule[g], &l->rule[tile], weight);
        }
    }
    for (int g = 0; g < groups; g++) {
        if (seen[g] != VISIBLE_NONE) {
            soften(s->weight + g * GROUP * KEYS, s->top + g * W, s->total + g * GROUP * W,
                   s->factor + g * W);
        }
    }
    for (int g = 0; g < groups; g++) {
        if (seen[g] != VISIBLE_NONE) {
            weigh(s->weight + g * GROUP * KEYS, v, l->padded, s->factor + g * W,
                  s->sum + g * GROUP * l->padded);
        }
    }
}

static void attend(void *context, int64_t index, int thread)
{
    const layout *l = context;
    const int64_t pieces = (l->queries + QUERIES - 1) / QUERIES;
    const int64_t head = index / pieces, first = index % pieces * QUERIES;
    const int64_t kv_head = head / (l->attr->heads / l->attr->kv_heads);
    const int64_t left = l->queries - first;
    const int groups = left >= QUERIES ? GROUPS : (int)((left + GROUP - 1) / GROUP);
    scratch s;
    group_rule rule[GROUPS];
    carve_scratch(l->d, l->padded, l->scratch + (size_t)thread * l->scratch_size, &s);
    load_queries(l, head, first, &s, rule);
    for (int64_t tile = 0; tile < tiles_in_use(l); tile++) {
        add_tile(l, &s, rule, groups, kv_head, tile);
    }
    store_rows(l, head, first, &s);
}

alm_status ALM_SIMD_NAME(alm_attention_f32)(const alm_exec *x, const alm_op_args *a)
{
    layout l;
    (void)carve(a, x->pool ? alm_pool_threads(x->pool) : 1, &l);
    l.keys = alm_rows(&a->in[1]);
    l.queries = alm_rows(&a->in[0]);
    alm_parallel_for(x->pool, tiles_in_use(&l), pack, &l);
    alm_parallel_for(x->pool, l.attr->heads * ((l.queries + QUERIES - 1) / QUERIES), attend, &l);
    return ALM_OK;
}
