/* Cases of edge_conv: one and two layers, points around the lanes (8 and 4), rows around the
 * register tile (8 and 4), shared and own directions; the model's widths around the 8 points of a
 * block on CUDA. */
#include "kernels/edge_conv/edge_conv.h"

#include <string.h>

#include "tests/ops/vn_bound.h"
#include "tests/shim/alm_test.h"

/* Two points (3, 0, 0) and (0, 4, 0), each with itself and the other as neighbours; p is the
 * difference, d the point. The edge to itself is zero. The other has p = ±(3, -4, 0), length 5,
 * normalised to s·p, s = sqrt(3)/5 = 0.34641, twice that by norm; of its part along d, which points
 * against it, a fifth stays: 2s·(-0.6, 4, 0) and 2s·(3, -0.8, 0). Half of it is the mean. */
static const float x[] = {3, 0, 0, 0, 4, 0};
static const int32_t both[] = {0, 1, 0, 1}, outside[] = {0, 1, 0, 2}, negative[] = {0, 1, -1, 1};
static const float feat[] = {1, 0}, norm[] = {2}, dir[] = {0, 1}, unit[] = {1};
static const float one_layer[] = {-0.20784609f, 1.38564065f, 0, 1.03923048f, -0.27712813f, 0};
/* The second layer, along its input, makes the length sqrt(3). */
static const float two_layers[] = {-0.12846666f, 0.85644407f, 0, 0.83678441f, -0.22314251f, 0};

static void neighbours(const alm_op_case *c, int index, void *const *filled, void *data)
{
    (void)filled;
    const int64_t points = c->in[0].rows > 0 ? c->in[0].rows : c->in[0].desc.dim[0];
    for (int64_t i = 0; i < alm_desc_count(&c->in[index].desc); i++) {
        ((int32_t *)data)[i] = (int32_t)(alm_test_random() % (uint64_t)points);
    }
}

#define POINTS                                                                                     \
    {                                                                                              \
        ALM_DIMS(F32, 2, 1, 3), .data = x                                                          \
    }
#define FIRST                                                                                      \
    {ALM_DIMS(F32, 1, 2), .data = feat}, {ALM_DIMS(F32, 1), .data = norm},                         \
    {                                                                                              \
        ALM_DIMS(F32, 1, 2), .data = dir                                                           \
    }
#define UNIT_LAYER                                                                                 \
    {ALM_DIMS(F32, 1, 1), .data = unit}, {ALM_DIMS(F32, 1), .data = unit},                         \
    {                                                                                              \
        ALM_DIMS(F32, 1, 1), .data = unit                                                          \
    }

/* A layer of the model: 21 channels out of `in`. */
#define MODEL_LAYER(type, in)                                                                      \
    {ALM_DIMS(type, 21, in)}, {ALM_DIMS(type, 21)},                                                \
    {                                                                                              \
        ALM_DIMS(type, 21, in)                                                                     \
    }

/* Only the last edge is wrong. */
static void one_outside(const alm_op_case *c, int index, void *const *filled, void *data)
{
    (void)filled;
    memset(data, 0, (size_t)alm_desc_count(&c->in[index].desc) * sizeof(int32_t));
    ((int32_t *)data)[alm_desc_count(&c->in[index].desc) - 1] = 9;
}

static const alm_op_case cases[] = {
    {.name = "known, one layer",
     .in = {POINTS, {ALM_DIMS(I32, 2, 2), .data = both}, FIRST},
     .expect = {one_layer},
     .expect_within = 1e-6},
    {.name = "known, two layers",
     .in = {POINTS, {ALM_DIMS(I32, 2, 2), .data = both}, FIRST, UNIT_LAYER},
     .expect = {two_layers},
     .expect_within = 1e-6},
    {.name = "one layer, 5 rows",
     .in = {{ALM_DIMS(F32, 9, 3, 3)},
            {ALM_DIMS(I32, 9, 1), .fill = neighbours},
            {ALM_DIMS(BF16, 5, 6)},
            {ALM_DIMS(BF16, 5)},
            {ALM_DIMS(BF16, 5, 6)}}},
    {.name = "one layer, shared direction",
     .in = {{ALM_DIMS(F32, 7, 2, 3)},
            {ALM_DIMS(I32, 7, 4), .fill = neighbours},
            {ALM_DIMS(F32, 11, 4)},
            {ALM_DIMS(F32, 11)},
            {ALM_DIMS(F32, 1, 4)}}},
    {.name = "two layers, shared directions, types mixed",
     .in = {{ALM_DIMS(F32, 8, 4, 3)},
            {ALM_DIMS(I32, 8, 3), .fill = neighbours},
            {ALM_DIMS(F32, 6, 8)},
            {ALM_DIMS(BF16, 6)},
            {ALM_DIMS(BF16, 1, 8)},
            {ALM_DIMS(BF16, 13, 6)},
            {ALM_DIMS(F32, 13)},
            {ALM_DIMS(F32, 1, 6)}}},
    {.name = "two layers, rows in use, strides",
     .in = {{ALM_DIMS(F32, 30, 5, 3), .rows = 21, .stride = 17},
            {ALM_DIMS(I32, 30, 9), .rows = 21, .stride = 11, .fill = neighbours},
            {ALM_DIMS(BF16, 21, 10)},
            {ALM_DIMS(BF16, 21)},
            {ALM_DIMS(BF16, 21, 10)},
            {ALM_DIMS(BF16, 22, 21)},
            {ALM_DIMS(BF16, 22)},
            {ALM_DIMS(BF16, 22, 21)}},
     .out_stride = {67}},
    {.name = "the model's first two layers",
     .in = {{ALM_DIMS(F32, 25, 1, 3)},
            {ALM_DIMS(I32, 25, 20), .fill = neighbours},
            MODEL_LAYER(BF16, 2),
            MODEL_LAYER(BF16, 21)}},
    {.name = "the model's second two layers",
     .in = {{ALM_DIMS(F32, 9, 21, 3)},
            {ALM_DIMS(I32, 9, 20), .fill = neighbours},
            MODEL_LAYER(BF16, 42),
            MODEL_LAYER(BF16, 21)}},
    {.name = "the model's last layer",
     .in = {{ALM_DIMS(F32, 8, 21, 3)},
            {ALM_DIMS(I32, 8, 20), .fill = neighbours},
            MODEL_LAYER(F32, 42)}},
    {.name = "the model's widths, rows in use, strides, shared directions",
     .in = {{ALM_DIMS(F32, 40, 21, 3), .rows = 15, .stride = 65},
            {ALM_DIMS(I32, 40, 19), .rows = 15, .stride = 21, .fill = neighbours},
            {ALM_DIMS(BF16, 21, 42)},
            {ALM_DIMS(F32, 21)},
            {ALM_DIMS(BF16, 1, 42)},
            {ALM_DIMS(F32, 21, 21)},
            {ALM_DIMS(BF16, 21)},
            {ALM_DIMS(F32, 1, 21)}},
     .out_stride = {64}},
    {.name = "the model's widths, no row",
     .in = {{ALM_DIMS(F32, 9, 21, 3), .rows = ALM_ROWS_NONE},
            {ALM_DIMS(I32, 9, 20), .rows = ALM_ROWS_NONE},
            MODEL_LAYER(F32, 42)}},
    {.name = "the model's widths, 80 neighbours",
     .in = {{ALM_DIMS(F32, 5, 1, 3)},
            {ALM_DIMS(I32, 5, 80), .fill = neighbours},
            MODEL_LAYER(F32, 2),
            MODEL_LAYER(F32, 21)}},
    {.name = "the model's widths, a negative norm",
     .in = {{ALM_DIMS(F32, 3, 21, 3)},
            {ALM_DIMS(I32, 3, 4), .fill = neighbours},
            {ALM_DIMS(F32, 21, 42)},
            {ALM_DIMS(F32, 21), .low = -1, .high = -0.5},
            {ALM_DIMS(F32, 21, 42)}}},
    {.name = "the model's widths, index past the points",
     .in = {{ALM_DIMS(F32, 9, 21, 3)},
            {ALM_DIMS(I32, 9, 20), .fill = one_outside},
            MODEL_LAYER(F32, 42)},
     .refused = ALM_STATUS_INTERNAL,
     .refused_text = "edge_conv: row 8 of index wants row 9 of 9"},
    {.name = "no row",
     .in = {{ALM_DIMS(F32, 2, 1, 3), .rows = ALM_ROWS_NONE},
            {ALM_DIMS(I32, 2, 2), .rows = ALM_ROWS_NONE},
            FIRST}},
    {.name = "index past the points",
     .in = {POINTS, {ALM_DIMS(I32, 2, 2), .data = outside}, FIRST},
     .refused = ALM_STATUS_INTERNAL,
     .refused_text = "edge_conv: row 1 of index wants row 2 of 2"},
    {.name = "negative index",
     .in = {POINTS, {ALM_DIMS(I32, 2, 2), .data = negative}, FIRST},
     .refused = ALM_STATUS_INTERNAL,
     .refused_text = "edge_conv: row 1 of index wants row -1 of 2"},
};

static const alm_op_bad bad[] = {
    {.name = "shape of x",
     .input = 0,
     ALM_DIMS(F32, 2, 3),
     .status = ALM_STATUS_MODEL,
     .text = "edge_conv: x is F32 [2, 3], expected [*, *, 3]"},
    {.name = "type of x",
     .input = 0,
     ALM_DIMS(BF16, 2, 1, 3),
     .status = ALM_STATUS_MODEL,
     .text = "edge_conv: x is BF16"},
    {.name = "type of index",
     .input = 1,
     ALM_DIMS(F32, 2, 2),
     .status = ALM_STATUS_MODEL,
     .text = "edge_conv: index is F32, expected I32"},
    {.name = "rows of index",
     .input = 1,
     ALM_DIMS(I32, 3, 2),
     .status = ALM_STATUS_MODEL,
     .text = "edge_conv: index is I32 [3, 2], expected [2, *]"},
    {.name = "no neighbours",
     .input = 1,
     ALM_DIMS(I32, 2, 0),
     .status = ALM_STATUS_MODEL,
     .text = "edge_conv: 0 neighbours"},
    {.name = "columns of feat1",
     .input = 2,
     ALM_DIMS(F32, 1, 1),
     .status = ALM_STATUS_MODEL,
     .text = "edge_conv: feat1 is F32 [1, 1], expected [*, 2]"},
    {.name = "norm1",
     .input = 3,
     ALM_DIMS(F32, 2),
     .status = ALM_STATUS_MODEL,
     .text = "edge_conv: norm1 is F32 [2], expected [1]"},
    {.name = "dir1",
     .input = 4,
     ALM_DIMS(F32, 2, 2),
     .status = ALM_STATUS_MODEL,
     .text = "edge_conv: dir1 is F32 [2, 2], expected [1, 2]"},
    {.name = "half a second layer",
     .base = 1,
     .input = 6,
     .absent = true,
     .status = ALM_STATUS_MODEL,
     .text = "edge_conv: 2 of feat2, norm2 and dir2 are given"},
    {.name = "columns of feat2",
     .base = 1,
     .input = 5,
     ALM_DIMS(F32, 1, 2),
     .status = ALM_STATUS_MODEL,
     .text = "edge_conv: feat2 is F32 [1, 2], expected [*, 1]"},
    {.name = "type of dir2",
     .base = 1,
     .input = 7,
     ALM_DIMS(F16, 1, 1),
     .status = ALM_STATUS_MODEL,
     .text = "edge_conv: dir2 is F16"},
};

static void magnitude(const alm_op_args *a, int output, double *m)
{
    (void)output;
    alm_vn_magnitude(a, alm_optional(a, 5) ? &a->in[6] : &a->in[3], m);
}

const alm_op_cases alm_cases_edge_conv = {
    .op = &alm_op_edge_conv,
    ALM_CASES(cases),
    ALM_BAD(bad),
    .c = 1,
    .magnitude = magnitude,
};
