/* Cases of film. */
#include "kernels/film/film.h"
#include "tests/ops/op_test.h"

/* Two rows a branch: (h + type + position)·(1 + γ) + β with γ = (1, -1), β = (0.5, 7). */
static const float h[] = {1, 2, 1, 2, 3, 4, 3, 4, 5, 6, 5, 6, 7, 8, 7, 8},
                   position[] = {10, 0, 11, 0, 20, 0, 21, 0, 30, 0, 31, 0, 40, 0, 41, 0},
                   type[] = {100, 0, 200, 0, 300, 0, 400, 0}, film[] = {1, -1, 0.5f, 7};
static const float out[] = {222.5f, 7, 224.5f, 7, 446.5f, 7, 448.5f, 7,
                            670.5f, 7, 672.5f, 7, 894.5f, 7, 896.5f, 7};

static const alm_op_case cases[] = {
    {.name = "known",
     .in = {{ALM_DIMS(F32, 8, 2), .data = h},
            {ALM_DIMS(F32, 8, 2), .data = position},
            {ALM_DIMS(F32, 4, 2), .data = type},
            {ALM_DIMS(F32, 1, 4), .data = film}},
     .expect = {out}},
    {.name = "bf16, strides",
     .in = {{ALM_DIMS(F32, 12, 33), .stride = 40},
            {ALM_DIMS(F32, 12, 33), .stride = 34},
            {ALM_DIMS(BF16, 4, 33)},
            {ALM_DIMS(F32, 1, 66)}},
     .out_stride = {35}},
    {.name = "in place",
     .in = {{ALM_DIMS(F32, 20, 50)},
            {ALM_DIMS(F32, 20, 50)},
            {ALM_DIMS(BF16, 4, 50)},
            {ALM_DIMS(F32, 1, 100)}}},
};

static const alm_op_bad bad[] = {
    {.name = "type of h",
     .input = 0,
     ALM_DIMS(BF16, 8, 2),
     .status = ALM_STATUS_MODEL,
     .text = "film: h is BF16"},
    {.name = "rows",
     .input = 0,
     ALM_DIMS(F32, 6, 2),
     .status = ALM_STATUS_MODEL,
     .text = "film: h has 6 rows, expected a multiple of 4"},
    {.name = "shape of position",
     .input = 1,
     ALM_DIMS(F32, 8, 3),
     .status = ALM_STATUS_MODEL,
     .text = "film: position is F32 [8, 3], expected [8, 2]"},
    {.name = "shape of type",
     .input = 2,
     ALM_DIMS(F32, 3, 2),
     .status = ALM_STATUS_MODEL,
     .text = "film: type is F32 [3, 2], expected [4, 2]"},
    {.name = "type of type",
     .input = 2,
     ALM_DIMS(I32, 4, 2),
     .status = ALM_STATUS_MODEL,
     .text = "film: type is I32"},
    {.name = "shape of film",
     .input = 3,
     ALM_DIMS(F32, 1, 2),
     .status = ALM_STATUS_MODEL,
     .text = "film: film is F32 [1, 2], expected [1, 4]"},
};

const alm_op_cases alm_cases_film = {
    .op = &alm_op_film, ALM_CASES(cases), ALM_BAD(bad), .c = 0, /* one kernel, in double */
};
