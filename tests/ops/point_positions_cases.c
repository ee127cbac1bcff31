/* Cases of point_positions. */
#include "kernels/point_positions/point_positions.h"
#include "kernels/token_embed/token_embed.h"
#include "tests/ops/op_test.h"
#include "tests/shim/alm_test.h"

static const alm_point_positions_attr three = {3}, sixty_four = {64}, single = {1};

/* text, point 0, point 1, two texts, point 2, text. Cells of a grid of 3 are c + 1, halves to even:
 * 0.5 -> 0, 1.5 -> 2; outside they are clamped, NaN is 0. The first point's t is 1, so the largest
 * id of a point 1 + 2. */
static const float centers[] = {-0.5f, 0.5f, 0, -9, 9, NAN, 1, -1, 0};
static const int32_t text[] = {0, 0, 0, 1, 8, 9, 2, 2, 2, 3, 3, 3, 4, 5, 4, 5, 5, 5, 6, 7, 8};
static const int32_t source[] = {0, 77, 2, 0, 2, 1, 0, 5, 1, 0, 2, 2, 0, -1};
static const int32_t ids[] = {0, 0, 0, 1, 3, 2, 1, 3, 1, 4, 4, 4, 5, 6, 5, 3, 1, 2, 7, 7, 7};
/* A grid of 64 has a border at c = 0: 31.5 -> 32. */
static const float origin[] = {0, 0, 0};
static const int32_t one_text[] = {5, 6, 7}, one_source[] = {2, 0}, middle[] = {37, 37, 37};
static const int32_t base_only[] = {5, 5, 5};
static const int32_t no_points[] = {0, 0, 0, 1, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0};
static const int32_t past[] = {0, 77, 2, 0, 2, 3, 0, 5, 1, 0, 2, 2, 0, -1};

/* Runs of one to eighty tokens that are points, and text, in turns; the last run is cut off. */
static void runs(const alm_op_case *c, int index, void *const *filled, void *data)
{
    (void)filled;
    int32_t *at = data;
    const uint64_t centres = (uint64_t)c->in[0].desc.dim[0];
    bool point = alm_test_random() % 2 == 0;
    int64_t left = 0;
    for (int64_t i = 0; i < c->in[index].desc.dim[0]; i++, left--) {
        if (left == 0) {
            point = !point;
            left = 1 + (int64_t)(alm_test_random() % (alm_test_random() % 3 == 0 ? 80 : 3));
        }
        at[2 * i] = point ? ALM_TOKEN_POINT : (int32_t)(alm_test_random() % 2);
        at[2 * i + 1] = point ? (int32_t)(alm_test_random() % centres) : -5;
    }
}

#define INPUTS(sources)                                                                            \
    {                                                                                              \
        {ALM_DIMS(F32, 3, 3), .data = centers}, {ALM_DIMS(I32, 7, 3), .data = text},               \
        {                                                                                          \
            ALM_DIMS(I32, 7, 2), .data = (sources)                                                 \
        }                                                                                          \
    }

static const alm_op_case cases[] = {
    {.name = "known", .in = INPUTS(source), .attr = &three, .expect = {ids}},
    {.name = "border",
     .in = {{ALM_DIMS(F32, 1, 3), .data = origin},
            {ALM_DIMS(I32, 1, 3), .data = one_text},
            {ALM_DIMS(I32, 1, 2), .data = one_source}},
     .attr = &sixty_four,
     .expect = {middle}},
    {.name = "grid of one",
     .in = {{ALM_DIMS(F32, 1, 3), .data = origin},
            {ALM_DIMS(I32, 1, 3), .data = one_text},
            {ALM_DIMS(I32, 1, 2), .data = one_source}},
     .attr = &single,
     .expect = {base_only}},
    {.name = "no points", .in = INPUTS(no_points), .attr = &three, .expect = {text}},
    {.name = "rows in use, strides",
     .in = {{ALM_DIMS(F32, 3, 3), .data = centers, .stride = 4},
            {ALM_DIMS(I32, 7, 3), .data = text, .rows = 5, .stride = 5},
            {ALM_DIMS(I32, 7, 2), .data = source, .rows = 5, .stride = 3}},
     .attr = &three,
     .out_stride = {6},
     .expect = {ids}},
    {.name = "many runs",
     .in = {{ALM_DIMS(F32, 40, 3)},
            {ALM_DIMS(I32, 1100, 3), .high = 1000},
            {ALM_DIMS(I32, 1100, 2), .fill = runs}},
     .attr = &sixty_four},
    {.name = "many runs, a token more than the threads of a block",
     .in = {{ALM_DIMS(F32, 7, 3), .low = -2, .high = 2},
            {ALM_DIMS(I32, 530, 3), .low = -9, .high = 9, .rows = 513},
            {ALM_DIMS(I32, 530, 2), .fill = runs, .rows = 513}},
     .attr = &three},
    {.name = "no row",
     .in = {{ALM_DIMS(F32, 3, 3)},
            {ALM_DIMS(I32, 7, 3), .rows = ALM_ROWS_NONE},
            {ALM_DIMS(I32, 7, 2), .rows = ALM_ROWS_NONE}},
     .attr = &three},
    {.name = "centre that is not there",
     .in = INPUTS(past),
     .attr = &three,
     .refused = ALM_STATUS_INTERNAL,
     .refused_text = "point_positions: token 2 wants centre 3 of 3"},
};

static const alm_point_positions_attr zero = {0};

static const alm_op_bad bad[] = {
    {.name = "grid",
     .attr = &zero,
     .status = ALM_STATUS_MODEL,
     .text = "point_positions: grid is 0, expected at least 1"},
    {.name = "type of centers",
     .input = 0,
     ALM_DIMS(I32, 3, 3),
     .status = ALM_STATUS_MODEL,
     .text = "point_positions: centers is I32, expected F32"},
    {.name = "shape of centers",
     .input = 0,
     ALM_DIMS(F32, 3, 2),
     .status = ALM_STATUS_MODEL,
     .text = "point_positions: centers is F32 [3, 2], expected [*, 3]"},
    {.name = "type of text",
     .input = 1,
     ALM_DIMS(F32, 7, 3),
     .status = ALM_STATUS_MODEL,
     .text = "point_positions: text is F32, expected I32"},
    {.name = "shape of text",
     .input = 1,
     ALM_DIMS(I32, 3, 7),
     .status = ALM_STATUS_MODEL,
     .text = "point_positions: text is I32 [3, 7], expected [*, 3]"},
    {.name = "rows of source",
     .input = 2,
     ALM_DIMS(I32, 6, 2),
     .status = ALM_STATUS_MODEL,
     .text = "point_positions: source is I32 [6, 2], expected [7, 2]"},
};

const alm_op_cases alm_cases_point_positions = {
    .op = &alm_op_point_positions,
    ALM_CASES(cases),
    ALM_BAD(bad),
};
