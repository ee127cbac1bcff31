/* Cases of attention: head sizes around vectors and register blocks, row counts around the tiles of
 * the kernels (64 keys; 6 and 96 queries), and the rules of the three models that use it. */
#include "kernels/attention/attention.h"

#include <math.h>
#include <stdlib.h>

#include "tests/ops/op_test.h"
#include "tests/shim/alm_test.h"

static const alm_attention_attr tiny = {.heads = 1, .kv_heads = 1, .head_dim = 2, .scale = 1};
static const alm_attention_attr grouped = {.heads = 2, .kv_heads = 1, .head_dim = 2, .scale = 0.5f};
static const alm_attention_attr three_over_two = {
    .heads = 3, .kv_heads = 2, .head_dim = 2, .scale = 1};
static const alm_attention_attr no_head = {.heads = 0, .kv_heads = 1, .head_dim = 2, .scale = 1};
static const alm_attention_attr no_dim = {.heads = 1, .kv_heads = 1, .head_dim = 0, .scale = 1};
static const alm_attention_attr infinite = {
    .heads = 1, .kv_heads = 1, .head_dim = 2, .scale = INFINITY};

/* Four keys: a plain one, an equivariant point, an invariant one, a plain one; their values are
 * 1, 10, 100, 1000 and all scores are equal, so that a result is the mean of what is visible. */
static const int32_t key_kinds[] = {7, 7, 0, 7, 7, 1, 7, 7, 2, 7, 7, 0};
static const float same_keys[] = {0, 0, 0, 0, 0, 0, 0, 0},
                   values[] = {1, 2, 10, 20, 100, 200, 1000, 2000};
static const int32_t queries[] = {
    0,  1,  0, /* plain, causal at 0 */
    1,  4,  0, /* plain, 1 to 3 */
    3,  2,  0, /* plain, an empty range */
    0,  2,  1, /* equivariant at 1: range 0 and 1, and the point behind */
    0,  3,  2, /* invariant at 2: not the equivariant one */
    0,  0,  2, /* invariant, an empty range: itself only */
    -5, 99, 0, /* bounds outside of the keys */
};
static const float means[] = {1, 2, 370, 740, 0, 0, 37, 74, 50.5f, 101, 100, 200, 277.75f, 555.5f};

/* Weights e^0 and e^ln 3, that is 1/4 and 3/4; with two query heads over one key head. */
static const float two_q[] = {1, 0, 0, 2}, two_k[] = {0, 0, 2.1972246f, 1.0986123f};
static const float two_v[] = {4, 8, 8, 16}, two_out[] = {7, 14, 7, 14};
static const int32_t open_rule[] = {0, 2, 0}, plain_keys[] = {0, 0, 0, 0, 0, 0};

#define KNOWN                                                                                      \
    {                                                                                              \
        {ALM_DIMS(F32, 7, 2)}, {ALM_DIMS(F32, 4, 2), .data = same_keys},                           \
            {ALM_DIMS(F32, 4, 2), .data = values}, {ALM_DIMS(I32, 7, 3), .data = queries},         \
            {ALM_DIMS(I32, 4, 3), .data = key_kinds},                                              \
    }

static const alm_op_case cases[] = {
    {.name = "known masks", .in = KNOWN, .attr = &tiny, .expect = {means}, .expect_within = 1e-6},
    {.name = "known weights, grouped heads",
     .in = {{ALM_DIMS(F32, 1, 4), .data = two_q},
            {ALM_DIMS(F32, 2, 2), .data = two_k},
            {ALM_DIMS(F32, 2, 2), .data = two_v},
            {ALM_DIMS(I32, 1, 3), .data = open_rule},
            {ALM_DIMS(I32, 2, 3), .data = plain_keys}},
     .attr = &grouped,
     .expect = {two_out},
     .expect_within = 1e-6},
};

static const alm_op_bad bad[] = {
    {.name = "heads",
     .attr = &three_over_two,
     .status = ALM_STATUS_MODEL,
     .text = "attention: 3 heads over 2 key heads of 2"},
    {.name = "no head", .attr = &no_head, .status = ALM_STATUS_MODEL, .text = "attention: 0 heads"},
    {.name = "no channel", .attr = &no_dim, .status = ALM_STATUS_MODEL, .text = "key heads of 0"},
    {.name = "scale",
     .attr = &infinite,
     .status = ALM_STATUS_MODEL,
     .text = "attention: scale is inf"},
    {.name = "type of q",
     .input = 0,
     ALM_DIMS(F16, 7, 2),
     .status = ALM_STATUS_MODEL,
     .text = "attention: q is F16, expected F32 or BF16"},
    {.name = "q alone is narrow",
     .input = 0,
     ALM_DIMS(BF16, 7, 2),
     .status = ALM_STATUS_MODEL,
     .text = "attention: k is F32, expected BF16"},
    {.name = "v alone is narrow",
     .input = 2,
     ALM_DIMS(BF16, 4, 2),
     .status = ALM_STATUS_MODEL,
     .text = "attention: v is BF16, expected F32"},
    {.name = "width of q",
     .input = 0,
     ALM_DIMS(F32, 7, 4),
     .status = ALM_STATUS_MODEL,
     .text = "attention: q is F32 [7, 4], expected [*, 2]"},
    {.name = "width of k",
     .input = 1,
     ALM_DIMS(F32, 4, 3),
     .status = ALM_STATUS_MODEL,
     .text = "attention: k is F32 [4, 3], expected [*, 2]"},
    {.name = "rows of v",
     .input = 2,
     ALM_DIMS(F32, 5, 2),
     .status = ALM_STATUS_MODEL,
     .text = "attention: v is F32 [5, 2], expected [4, 2]"},
    {.name = "type of v",
     .input = 2,
     ALM_DIMS(F64, 4, 2),
     .status = ALM_STATUS_MODEL,
     .text = "attention: v is F64"},
    {.name = "rows of query_rule",
     .input = 3,
     ALM_DIMS(I32, 6, 3),
     .status = ALM_STATUS_MODEL,
     .text = "attention: query_rule is I32 [6, 3], expected [7, 3]"},
    {.name = "type of query_rule",
     .input = 3,
     ALM_DIMS(F32, 7, 3),
     .status = ALM_STATUS_MODEL,
     .text = "attention: query_rule is F32"},
    {.name = "rows of key_rule",
     .input = 4,
     ALM_DIMS(I32, 3, 3),
     .status = ALM_STATUS_MODEL,
     .text = "attention: key_rule is I32 [3, 3], expected [4, 3]"},
    {.name = "no key_rule", .n_in = 4, .status = ALM_STATUS_INTERNAL, .text = "inputs"},
};

/* Rules that a made case follows. */
typedef enum pattern {
    PATTERN_ALL,      /* every key */
    PATTERN_SEGMENTS, /* two images: rows of the first half see the first half */
    PATTERN_LANGUAGE, /* causal, with runs of equivariant and invariant points */
    PATTERN_BRIDGE,   /* runs of 128 points of a kind, the second half with an empty range */
    PATTERN_FAR,      /* points among the first and last keys, a range of the last */
    PATTERN_EDGES,    /* groups of 6 plain rows whose bounds lie around those of key tiles */
    PATTERN_RANDOM    /* any range, any kind */
} pattern;

typedef struct shape {
    const char *name;
    int heads, kv_heads, head_dim;
    int64_t queries, keys;
    int32_t queries_in_use, keys_in_use; /* 0: all */
    pattern pattern;
    bool strided;
    double spread; /* of q and k; 0: 1 */
    int narrow;    /* bit 0: BF16 operands, bit 1: a BF16 result */
} shape;

static const shape shapes[] = {
    {"one of each", 1, 1, 1, 1, 1, 0, 0, PATTERN_ALL, false, 0, 0},
    {"63 keys", 2, 1, 15, 5, 63, 0, 0, PATTERN_RANDOM, false, 0, 0},
    {"64 keys", 2, 2, 16, 6, 64, 0, 0, PATTERN_RANDOM, false, 0, 0},
    {"65 keys", 3, 1, 17, 7, 65, 0, 0, PATTERN_RANDOM, true, 0, 0},
    {"95 queries", 1, 1, 24, 95, 127, 0, 0, PATTERN_RANDOM, true, 0, 0},
    {"96 queries", 2, 1, 32, 96, 128, 0, 0, PATTERN_LANGUAGE, false, 0, 0},
    {"97 queries", 4, 2, 64, 97, 129, 0, 0, PATTERN_RANDOM, true, 0, 0},
    {"heads of 80", 1, 1, 80, 100, 100, 0, 0, PATTERN_SEGMENTS, false, 0, 0},
    {"heads of 128", 2, 1, 128, 200, 200, 0, 0, PATTERN_LANGUAGE, true, 0, 0},
    {"rows in use", 2, 1, 64, 150, 300, 97, 129, PATTERN_RANDOM, true, 0, 0},
    {"language in use", 2, 1, 16, 400, 400, 333, 333, PATTERN_LANGUAGE, false, 0, 0},
    {"vision", 2, 2, 64, 256, 256, 0, 0, PATTERN_SEGMENTS, true, 0, 0},
    {"bridge", 1, 1, 16, 260, 260, 0, 0, PATTERN_BRIDGE, false, 0, 0},
    {"one query of many keys", 2, 1, 128, 1, 530, 0, 0, PATTERN_ALL, false, 0, 0},
    {"one query, random rule", 2, 1, 64, 1, 97, 0, 0, PATTERN_RANDOM, true, 0, 0},
    {"one query, heads of 32", 2, 2, 32, 1, 33, 0, 0, PATTERN_BRIDGE, false, 30, 0},
    {"one query, no key", 2, 1, 16, 1, 9, 0, ALM_ROWS_NONE, PATTERN_ALL, false, 0, 0},
    {"no query of one", 2, 1, 16, 1, 9, ALM_ROWS_NONE, 0, PATTERN_ALL, false, 0, 0},
    {"large scores", 2, 1, 16, 70, 200, 0, 0, PATTERN_RANDOM, false, 30, 0},
    {"edges of tiles", 1, 1, 16, 600, 130, 0, 0, PATTERN_EDGES, false, 0, 0},
    {"edges of tiles, large scores", 1, 1, 16, 600, 130, 0, 0, PATTERN_EDGES, false, 30, 0},
    {"no query", 1, 1, 8, 4, 4, ALM_ROWS_NONE, 0, PATTERN_ALL, false, 0, 0},
    {"no key", 1, 1, 8, 4, 4, 0, ALM_ROWS_NONE, PATTERN_ALL, false, 0, 0},
    {"bf16, one of each", 1, 1, 1, 1, 1, 0, 0, PATTERN_ALL, false, 0, 3},
    {"bf16 in, 65 keys", 3, 1, 17, 7, 65, 0, 0, PATTERN_RANDOM, true, 0, 1},
    {"bf16 out, 65 keys", 3, 1, 17, 7, 65, 0, 0, PATTERN_RANDOM, true, 0, 2},
    {"bf16, heads of 64", 2, 2, 64, 129, 129, 0, 0, PATTERN_SEGMENTS, true, 0, 3},
    {"bf16, heads of 128", 2, 1, 128, 130, 200, 97, 129, PATTERN_LANGUAGE, false, 0, 3},
    {"bf16, large scores", 2, 1, 16, 70, 200, 0, 0, PATTERN_RANDOM, false, 30, 3},
    {"bf16, heads of 16", 2, 1, 16, 127, 63, 0, 0, PATTERN_RANDOM, false, 0, 3},
    {"bf16, heads of 32", 4, 2, 32, 128, 64, 0, 0, PATTERN_LANGUAGE, false, 0, 1},
    {"bf16, language", 2, 1, 64, 130, 200, 0, 0, PATTERN_LANGUAGE, false, 0, 3},
    {"bf16, rows in use", 2, 1, 64, 150, 300, 97, 129, PATTERN_RANDOM, false, 0, 3},
    {"bf16, strided heads of 128", 1, 1, 128, 63, 65, 0, 0, PATTERN_RANDOM, true, 0, 1},
    {"bf16, bridge", 1, 1, 32, 260, 260, 0, 0, PATTERN_BRIDGE, false, 0, 3},
    {"bf16, edges of tiles", 1, 1, 16, 600, 130, 0, 0, PATTERN_EDGES, false, 30, 1},
    {"bf16, more than 8,192 keys", 1, 1, 16, 2, 8200, 0, 0, PATTERN_FAR, false, 0, 3},
    {"bf16, one query of many keys", 2, 1, 128, 1, 530, 0, 0, PATTERN_ALL, false, 0, 3},
    {"bf16, one query, random rule", 2, 1, 64, 1, 97, 0, 0, PATTERN_RANDOM, true, 0, 1},
    {"bf16, one query, bridge", 2, 2, 32, 1, 300, 0, 0, PATTERN_BRIDGE, false, 30, 3},
    {"bf16, one query, in use", 2, 2, 16, 1, 300, 0, 150, PATTERN_RANDOM, false, 0, 3},
    {"bf16, no key", 1, 1, 8, 4, 4, 0, ALM_ROWS_NONE, PATTERN_ALL, false, 0, 3},
};

static const shape *made; /* what make() made last */

/* Runs of 7 plain rows, then 40 equivariant and 30 invariant points, and so on. */
static int32_t kind_of(int64_t row)
{
    const int64_t at = row % 77;
    return at < 7 ? ALM_ROW_PLAIN : at < 47 ? ALM_ROW_EQUIVARIANT : ALM_ROW_INVARIANT;
}

static void fill_rules(const alm_op_case *c, int index, void *const *filled, void *data)
{
    (void)filled;
    static const int64_t edges[10] = {0, 1, 2, 63, 64, 65, 127, 128, 129, 130};
    int32_t(*rule)[3] = data;
    const int64_t keys = made->keys;
    for (int64_t i = 0; i < c->in[index].desc.dim[0]; i++) {
        int64_t begin = 0, end = keys;
        int32_t kind = ALM_ROW_PLAIN;
        if (made->pattern == PATTERN_SEGMENTS) {
            begin = i < keys / 2 ? 0 : keys / 2;
            end = i < keys / 2 ? keys / 2 : keys;
        } else if (made->pattern == PATTERN_LANGUAGE) {
            end = i + 1;
            kind = kind_of(i);
        } else if (made->pattern == PATTERN_BRIDGE) {
            end = i < keys / 2 ? keys : 0;
            kind = i / 128 % 2 ? ALM_ROW_INVARIANT : ALM_ROW_EQUIVARIANT;
        } else if (made->pattern == PATTERN_FAR) {
            begin = keys - 25;
            kind =
                i < 10 || i >= keys - 12 ? ALM_ROW_EQUIVARIANT + (int32_t)(i % 2) : ALM_ROW_PLAIN;
        } else if (made->pattern == PATTERN_EDGES) {
            begin = edges[i / 6 % 10];
            end = edges[i / 60 % 10];
        } else if (made->pattern == PATTERN_RANDOM) {
            begin = (int64_t)(alm_test_random() % (uint64_t)(keys + 1)) - 3;
            end = begin + (int64_t)(alm_test_random() % (uint64_t)(keys + 1));
            kind = (int32_t)(alm_test_random() % 3);
        }
        rule[i][0] = (int32_t)begin;
        rule[i][1] = (int32_t)end;
        rule[i][2] = kind;
    }
}

static bool make(int index, alm_op_case *c)
{
    static alm_attention_attr attr;
    if (index >= (int)(sizeof shapes / sizeof shapes[0])) {
        return false;
    }
    const shape *s = made = &shapes[index];
    attr = (alm_attention_attr){.heads = s->heads,
                                .kv_heads = s->kv_heads,
                                .head_dim = s->head_dim,
                                .scale = 1 / sqrtf((float)s->head_dim)};
    const int64_t width = (int64_t)s->heads * s->head_dim, kv = (int64_t)s->kv_heads * s->head_dim;
    const int64_t stride = s->strided ? width + 2 * kv + 1 : 0;
    const double spread = s->spread > 0 ? s->spread : 1;
    const alm_dtype type = s->narrow & 1 ? ALM_DTYPE_BF16 : ALM_DTYPE_F32;
    c->name = s->name;
    c->attr = &attr;
    c->out_dtype = s->narrow & 2 ? ALM_DTYPE_BF16 : ALM_DTYPE_NONE;
    c->out_stride[0] = s->strided ? width + 3 : 0;
    c->in[0] = (alm_op_input){ALM_DIMS(F32, s->queries, width), .rows = s->queries_in_use,
                              .stride = stride, .low = -spread, .high = spread};
    c->in[1] = (alm_op_input){ALM_DIMS(F32, s->keys, kv), .rows = s->keys_in_use, .stride = stride,
                              .low = -spread, .high = spread};
    c->in[2] = (alm_op_input){ALM_DIMS(F32, s->keys, kv), .rows = s->keys_in_use, .stride = stride};
    c->in[3] =
        (alm_op_input){ALM_DIMS(I32, s->queries, 3), .rows = s->queries_in_use, .fill = fill_rules};
    c->in[4] =
        (alm_op_input){ALM_DIMS(I32, s->keys, 3), .rows = s->keys_in_use, .fill = fill_rules};
    c->in[0].desc.dtype = c->in[1].desc.dtype = c->in[2].desc.dtype = type;
    return true;
}

/* For a query: max over all keys of A = |scale|·Σ|q·k|, and max|v| of a channel. */
static double largest_score(const alm_op_args *a, int64_t row, int64_t head)
{
    const alm_attention_attr *attr = a->attr;
    const int64_t kv_head = head / (attr->heads / attr->kv_heads), d = attr->head_dim;
    const int64_t q = row * a->in[0].stride + head * d;
    double most = 0;
    for (int64_t j = 0; j < alm_rows(&a->in[1]); j++) {
        const int64_t k = j * a->in[1].stride + kv_head * d;
        double sum = 0;
        for (int64_t c = 0; c < d; c++) {
            sum += fabs(alm_test_number(a->in[0].desc.dtype, a->in[0].data, q + c) *
                        alm_test_number(a->in[1].desc.dtype, a->in[1].data, k + c));
        }
        most = fmax(most, sum * fabs((double)attr->scale));
    }
    return most;
}

/* An error of e in a score changes a weight by the factor 1 + e, and the sum of weights likewise:
 * the result moves by at most 2·e·max|v|. Scores have e <= (d + 2)·u·A with A = |scale|·Σ|q·k| (d
 * products and sums, the scaled q); a weight is the exponential of a difference, which rounds to
 * u·2A, and is within 5·u of it (simd_math.h); weighing adds one rounding a key and one for the
 * scaling of a tile, for sums and total alike. m = max|v|·(2·(d + 4)·A + 2·(keys + keys/64 + 8)).
 * With BF16 operands a kernel may round each weight to BF16 for its product with v (attention.h):
 * then the weighted sum, but not the total, moves by at most 2^-8 of Σ weight·|v|, and the result
 * by 2^-8·max|v|: 2^16 more in units of u. */
static void magnitude(const alm_op_args *a, int output, double *m)
{
    (void)output;
    const alm_attention_attr *attr = a->attr;
    const int64_t d = attr->head_dim, width = attr->heads * d, keys = alm_rows(&a->in[1]);
    double most = 0;
    for (int64_t j = 0; j < keys; j++) {
        for (int64_t c = 0; c < attr->kv_heads * d; c++) {
            most = fmax(most, fabs(alm_test_number(a->in[2].desc.dtype, a->in[2].data,
                                                   j * a->in[2].stride + c)));
        }
    }
    const double weights = a->in[2].desc.dtype == ALM_DTYPE_BF16 ? 0x1p16 : 0;
    for (int64_t r = 0; r < alm_rows(&a->in[0]); r++) {
        for (int64_t h = 0; h < attr->heads; h++) {
            const double score = largest_score(a, r, h);
            const double sums = (double)keys * (1 + 1.0 / 64) + 8;
            for (int64_t c = 0; c < d; c++) {
                m[r * width + h * d + c] = most * (2 * ((double)(d + 4) * score + sums) + weights);
            }
        }
    }
}

const alm_op_cases alm_cases_attention = {
    .op = &alm_op_attention,
    ALM_CASES(cases),
    .make = make,
    ALM_BAD(bad),
    .row_inputs = 1 << 0 | 1 << 3,
    .c = 1, /* the factors are in m */
    .magnitude = magnitude,
};
