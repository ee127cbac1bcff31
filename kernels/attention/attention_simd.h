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
 */
#include <math.h>

#include "kernels/attention/attention.h"
#include "kernels/core/simd_math.h"

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
    float *q;     /* [GROUPS, head_dim, GROUP], scaled */
    float *sum;   /* [GROUPS, GROUP, padded head_dim]: of weighted values */
    float *total; /* [GROUPS, GROUP, W]: of weights, in W parts */
    float *top;   /* [GROUPS, W]: the running maximum of each row */
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
    if (s) {
        s->q = (float *)(void *)(base + q);
        s->sum = (float *)(void *)(base + sum);
        s->total = (float *)(void *)(base + total);
        s->top = (float *)(void *)(base + top);
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

/* The rules of the keys of a tile; keys past those in use are never seen. */
static void pack_rule(const layout *l, int64_t tile)
{
    tile_rule *rule = &l->rule[tile];
    for (int kind = 0; kind < KINDS; kind++) {
        rule->info.always[kind] = rule->info.never[kind] = 0;
        for (int64_t j = 0; j < KEYS; j++) {
            const int64_t key = tile * KEYS + j;
            const bool in_use = key < l->keys;
            const int32_t key_kind = in_use ? alm_row(const int32_t, &l->a->in[4], key)[2] : 0;
            const bool hidden = kind == ALM_ROW_INVARIANT && key_kind == ALM_ROW_EQUIVARIANT;
            const bool never = !in_use || hidden;
            const bool always = !never && kind != ALM_ROW_PLAIN && key_kind != ALM_ROW_PLAIN;
            rule->first[kind][j] = never ? -INFINITY : always ? INFINITY : (float)key;
            rule->last[kind][j] = never ? INFINITY : always ? -INFINITY : (float)key;
            rule->info.always[kind] += always;
            rule->info.never[kind] += never;
        }
    }
}

/* Keys past those in use and channels past head_dim become zero. */
static void pack_tile(const layout *l, int64_t head, int64_t tile)
{
    const int64_t d = l->d, at = head * l->tiles + tile;
    float *k = l->k + at * d * KEYS, *v = l->v + at * l->padded * KEYS;
    for (int64_t j = 0; j < KEYS; j++) {
        const int64_t key = tile * KEYS + j;
        const bool in_use = key < l->keys;
        const float *from_k = in_use ? alm_row(const float, &l->a->in[1], key) + head * d : NULL;
        const float *from_v = in_use ? alm_row(const float, &l->a->in[2], key) + head * d : NULL;
        for (int64_t c = 0; c < d; c++) {
            k[c * KEYS + j] = in_use ? from_k[c] : 0;
        }
        for (int64_t c = 0; c < l->padded; c++) {
            v[j * l->padded + c] = in_use && c < d ? from_v[c] : 0;
        }
    }
}

static void pack(void *context, int64_t index, int thread)
{
    (void)thread;
    const layout *l = context;
    const int64_t head = index / tiles_in_use(l), tile = index % tiles_in_use(l);
    if (head == 0) {
        pack_rule(l, tile);
    }
    pack_tile(l, head, tile);
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
    alm_vf_store(alpha, alm_vf_exp(old - now));
    for (int r = 0; r < GROUP; r++) {
        const alm_vf by = alm_vf_set1(next[r]);
        alm_vf sum = alm_vf_load(total + r * W) * alm_vf_set1(alpha[r]);
        for (int j = 0; j < KEYS; j += W) {
            const alm_vf weight = alm_vf_exp(alm_vf_load(s + r * KEYS + j) - by);
            alm_vf_store(s + r * KEYS + j, weight);
            sum += weight;
        }
        alm_vf_store(total + r * W, sum);
    }
}

/* Queries of a task, scaled and interleaved, and their rules. */
static void load_queries(const layout *l, int64_t head, int64_t first, scratch *s, group_rule *rule)
{
    for (int64_t i = 0; i < QUERIES; i++) {
        const int64_t wanted = first + i, row = wanted < l->queries ? wanted : l->queries - 1;
        const int64_t group = i / GROUP, r = i % GROUP;
        const float *q = alm_row(const float, &l->a->in[0], row) + head * l->d;
        const int32_t *from = alm_row(const int32_t, &l->a->in[3], row);
        for (int64_t c = 0; c < l->d; c++) {
            s->q[(group * l->d + c) * GROUP + r] = q[c] * l->attr->scale;
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
    for (int64_t i = 0; i < QUERIES && first + i < l->queries; i++) {
        float *out = alm_row(float, &l->a->out[0], first + i) + head * l->d;
        const float sum = alm_vf_sum(alm_vf_load(s->total + i * W));
        /* No key was visible: the sums are zero, and so is the result. */
        const alm_vf total = alm_vf_set1(sum == 0 ? 1 : sum);
        for (int64_t c = 0; c < l->d; c += W) {
            const alm_vf v = alm_vf_load(s->sum + i * l->padded + c);
            alm_vf_store_n(out + c, v / total + alm_vf_zero(), l->d - c);
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
    float weights[GROUP * KEYS], alpha[W];
    carve_scratch(l->d, l->padded, l->scratch + (size_t)thread * l->scratch_size, &s);
    load_queries(l, head, first, &s, rule);
    for (int64_t tile = 0; tile < tiles_in_use(l); tile++) {
        const float *k = l->k + (kv_head * l->tiles + tile) * l->d * KEYS;
        const float *v = l->v + (kv_head * l->tiles + tile) * l->padded * KEYS;
        for (int g = 0; g < groups; g++) {
            const visible seen = classify(&rule[g], &l->rule[tile].info, tile);
            if (seen == VISIBLE_NONE) {
                continue;
            }
            scores(s.q + g * GROUP * l->d, k, l->d, weights);
            if (seen == VISIBLE_SOME) {
                hide(&rule[g], &l->rule[tile], weights);
            }
            soften(weights, s.top + g * W, s.total + g * GROUP * W, alpha);
            weigh(weights, v, l->padded, alpha, s.sum + g * GROUP * l->padded);
        }
    }
    store_rows(l, head, first, &s);
}

alm_status ALM_SIMD_NAME(alm_attention_f32)(const alm_exec *x, const alm_op_args *a)
{
    layout l;
    (void)carve(a, x->pool ? alm_pool_threads(x->pool) : 1, &l);
    l.keys = alm_rows(&a->in[1]);
    l.queries = alm_rows(&a->in[0]);
    alm_parallel_for(x->pool, l.attr->kv_heads * tiles_in_use(&l), pack, &l);
    alm_parallel_for(x->pool, l.attr->heads * ((l.queries + QUERIES - 1) / QUERIES), attend, &l);
    return ALM_OK;
}
