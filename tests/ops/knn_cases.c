/* Cases of knn: sizes around the register tile (4·16 and 4·8 points, 4 and 2 queries) and the bound
 * on 4 vectors of minima; on CUDA around tiles of 128 points and blocks of 16 and 8 queries; ties,
 * copies, numbers that are none. */
#include "kernels/knn/knn.h"
#include "tests/ops/op_test.h"
#include "tests/shim/alm_test.h"

static const alm_knn_attr one = {1}, three = {3}, eight = {8}, sixteen = {16}, seventeen = {17},
                          twenty = {20}, sixty_five = {65}, hundred = {100};

/* Points on a line. 2 lies between 1 and 3: the tie takes 1. 3 is there twice, and
 * both are its nearest; of its copies 100 takes the first. Nothing is near NaN. */
static const float line[] = {0, 1, 2, 3, 3, 10}, queries[] = {2, 3, 100, NAN};
static const int32_t two_nearest[] = {1, 2, 3, 4, 3, 5, 0, 1};
static const alm_knn_attr two = {2};
static const float nowhere_first[] = {NAN, INFINITY, 7};
static const int32_t last_one[] = {2, 2, 2, 0};
static const int32_t repeated[] = {0, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1};
static const float origin[4 * 9];
static const int32_t none[] = {0, 0, 0, 0, 0, 0, 0, 0};

/* Few different coordinates: most distances are ties. */
static void lattice(const alm_op_case *c, int index, void *const *filled, void *data)
{
    (void)filled;
    for (int64_t i = 0; i < alm_desc_count(&c->in[index].desc); i++) {
        ((float *)data)[i] = (float)(alm_test_random() % 3);
    }
}

/* Finite, huge (squares overflow), infinite, not a number. */
static void wild(const alm_op_case *c, int index, void *const *filled, void *data)
{
    (void)filled;
    static const float some[] = {0, 1, -1, 1e25f, -1e30f, INFINITY, -INFINITY, NAN, 1e-30f};
    for (int64_t i = 0; i < alm_desc_count(&c->in[index].desc); i++) {
        ((float *)data)[i] = some[alm_test_random() % 9];
    }
}

/* The same coordinates in another order for each point: as numbers they are all as far from the
 * origin, and what the rounding of the sum leaves decides. */
static void shuffled(const alm_op_case *c, int index, void *const *filled, void *data)
{
    (void)filled;
    const int64_t row = alm_desc_row(&c->in[index].desc);
    for (int64_t p = 0; p < c->in[index].desc.dim[0]; p++) {
        float *at = (float *)data + p * row;
        for (int64_t i = 0; i < row; i++) {
            const int64_t other = (int64_t)(alm_test_random() % (uint64_t)(i + 1));
            at[i] = at[other];
            at[other] = 1.0f / (float)(i + 3);
        }
    }
}

/* All points in one place: nothing but the index decides. */
static void one_place(const alm_op_case *c, int index, void *const *filled, void *data)
{
    (void)filled;
    for (int64_t i = 0; i < alm_desc_count(&c->in[index].desc); i++) {
        ((float *)data)[i] = 0.5f;
    }
}

/* Points along a line, in order. */
static void ascending(const alm_op_case *c, int index, void *const *filled, void *data)
{
    (void)filled;
    for (int64_t i = 0; i < alm_desc_count(&c->in[index].desc); i++) {
        ((float *)data)[i] = (float)i;
    }
}

#define PAIR(q, n, c)                                                                              \
    {                                                                                              \
        {ALM_DIMS(F32, q, c)},                                                                     \
        {                                                                                          \
            ALM_DIMS(F32, n, c)                                                                    \
        }                                                                                          \
    }

static const alm_op_case cases[] = {
    {.name = "known",
     .in = {{ALM_DIMS(F32, 4, 1), .data = queries}, {ALM_DIMS(F32, 6, 1), .data = line}},
     .attr = &two,
     .expect = {two_nearest}},
    {.name = "fewer points than neighbours",
     .in = {{ALM_DIMS(F32, 4, 1), .data = queries}, {ALM_DIMS(F32, 6, 1), .data = line, .rows = 2}},
     .attr = &three,
     .expect = {repeated}},
    {.name = "known, points that are nowhere",
     .in = {{ALM_DIMS(F32, 4, 1), .data = queries}, {ALM_DIMS(F32, 3, 1), .data = nowhere_first}},
     .attr = &one,
     .expect = {last_one}},
    {.name = "no point",
     .in = {{ALM_DIMS(F32, 4, 1), .data = queries},
            {ALM_DIMS(F32, 6, 1), .data = line, .rows = ALM_ROWS_NONE}},
     .attr = &two,
     .expect = {none}},
    {.name = "no query",
     .in = {{ALM_DIMS(F32, 4, 1), .rows = ALM_ROWS_NONE}, {ALM_DIMS(F32, 6, 1)}},
     .attr = &two},
    {.name = "one point", .in = PAIR(3, 1, 3), .attr = &one},
    {.name = "31 points", .in = PAIR(5, 31, 3), .attr = &sixteen},
    {.name = "32 points", .in = PAIR(4, 32, 2), .attr = &seventeen},
    {.name = "63 points", .in = PAIR(3, 63, 3), .attr = &twenty},
    {.name = "64 points", .in = PAIR(8, 64, 7), .attr = &eight},
    {.name = "65 points, nearly all", .in = PAIR(7, 65, 3), .attr = &sixty_five},
    {.name = "more neighbours than the bound has lanes", .in = PAIR(6, 300, 4), .attr = &hundred},
    {.name = "feature space", .in = PAIR(35, 517, 63), .attr = &twenty},
    {.name = "vectors",
     .in = {{ALM_DIMS(F32, 9, 21, 3)}, {ALM_DIMS(F32, 130, 21, 3), .rows = 129}},
     .attr = &twenty},
    {.name = "127 points", .in = PAIR(15, 127, 63), .attr = &twenty},
    {.name = "128 points", .in = PAIR(16, 128, 63), .attr = &twenty},
    {.name = "129 points", .in = PAIR(17, 129, 63), .attr = &twenty},
    {.name = "even rows", .in = PAIR(33, 257, 64), .attr = &twenty},
    {.name = "coordinates", .in = PAIR(18, 400, 3), .attr = &twenty},
    {.name = "points too many for 16 queries at once", .in = PAIR(9, 3600, 2), .attr = &twenty},
    {.name = "points too many for shared memory", .in = PAIR(2, 7300, 1), .attr = &twenty},
    {.name = "many neighbours of too many points",
     .in = {{ALM_DIMS(F32, 2, 1)}, {ALM_DIMS(F32, 7300, 1), .fill = lattice, .rows = 7200}},
     .attr = &hundred},
    {.name = "one place",
     .in = {{ALM_DIMS(F32, 20, 3)}, {ALM_DIMS(F32, 300, 3), .fill = one_place}},
     .attr = &twenty},
    {.name = "feature space, strides",
     .in = {{ALM_DIMS(F32, 21, 63), .stride = 65}, {ALM_DIMS(F32, 140, 63), .stride = 64}},
     .attr = &twenty},
    {.name = "strides",
     .in = {{ALM_DIMS(F32, 20, 5), .stride = 7, .rows = 13},
            {ALM_DIMS(F32, 70, 5), .stride = 6, .rows = 66}},
     .attr = &three,
     .out_stride = {5}},
    {.name = "ties",
     .in = {{ALM_DIMS(F32, 50, 3), .fill = lattice}, {ALM_DIMS(F32, 200, 3), .fill = lattice}},
     .attr = &twenty},
    {.name = "numbers that are none",
     .in = {{ALM_DIMS(F32, 50, 3), .fill = wild}, {ALM_DIMS(F32, 150, 3), .fill = wild}},
     .attr = &twenty},
    {.name = "rounding",
     .in = {{ALM_DIMS(F32, 4, 9), .data = origin}, {ALM_DIMS(F32, 200, 9), .fill = shuffled}},
     .attr = &twenty},
    {.name = "ascending",
     .in = {{ALM_DIMS(F32, 9, 1), .fill = ascending}, {ALM_DIMS(F32, 1000, 1), .fill = ascending}},
     .attr = &twenty},
};

static const alm_knn_attr zero = {0}, seven = {7};

static const alm_op_bad bad[] = {
    {.name = "k of 0", .attr = &zero, .status = ALM_STATUS_MODEL, .text = "knn: k is 0"},
    {.name = "k above N",
     .attr = &seven,
     .status = ALM_STATUS_MODEL,
     .text = "knn: k is 7, expected 1 to 6"},
    {.name = "row sizes",
     .input = 1,
     ALM_DIMS(F32, 6, 2),
     .status = ALM_STATUS_MODEL,
     .text = "knn: a query has 1 numbers and a point 2"},
    {.name = "type of query",
     .input = 0,
     ALM_DIMS(BF16, 4, 1),
     .status = ALM_STATUS_MODEL,
     .text = "knn: query is BF16"},
    {.name = "type of points",
     .input = 1,
     ALM_DIMS(I32, 6, 1),
     .status = ALM_STATUS_MODEL,
     .text = "knn: points is I32"},
};

const alm_op_cases alm_cases_knn = {
    .op = &alm_op_knn,
    ALM_CASES(cases),
    ALM_BAD(bad),
    .row_inputs = 1 << 0,
};
