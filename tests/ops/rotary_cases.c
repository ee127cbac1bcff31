/* Cases of rotary. */
#include <math.h>

#include "kernels/rotary/rotary.h"
#include "tests/ops/op_test.h"

static const alm_rotary_attr one = {.heads = 1, .head_dim = 4, .eps = 1e-6};
static const alm_rotary_attr two_of_2 = {.heads = 2, .head_dim = 2, .eps = 1e-6};
static const alm_rotary_attr three_of_14 = {.heads = 3, .head_dim = 14, .eps = 1e-6};
static const alm_rotary_attr two_of_32 = {.heads = 2, .head_dim = 32, .eps = 1e-6};
static const alm_rotary_attr two_of_34 = {.heads = 2, .head_dim = 34, .eps = 1e-6};
static const alm_rotary_attr two_of_256 = {.heads = 2, .head_dim = 256, .eps = 1e-6};
static const alm_rotary_attr two_of_264 = {.heads = 2, .head_dim = 264, .eps = 1e-6};
static const alm_rotary_attr two_of_530 = {.heads = 2, .head_dim = 530, .eps = 1e-6};
static const alm_rotary_attr text_keys = {.heads = 8, .head_dim = 128, .eps = 1e-6};
static const alm_rotary_attr vision = {.heads = 32, .head_dim = 64, .eps = 1e-6};
static const alm_rotary_attr text = {.heads = 16, .head_dim = 128, .eps = 1e-6};
static const alm_rotary_attr odd = {.heads = 1, .head_dim = 3}, none = {.heads = 0, .head_dim = 4};
static const alm_rotary_attr too_many = {.heads = 2, .head_dim = 4},
                             no_eps = {.heads = 1, .head_dim = 4};

static const float x[] = {1, 2, 3, 4, 9}, cosine[] = {0, 0.6f}, sine[] = {1, 0.8f},
                   norm[] = {2, 2, 2, 4};
/* Without norm: (1·0 − 3·1, 2·0.6 − 4·0.8, 3·0 + 1·1, 4·0.6 + 2·0.8). */
static const float turned[] = {-3, -2, 1, 4, 9};
/* The mean of the squares is 7.5: x becomes (2, 4, 6, 16)/sqrt(7.5). */
static const float normed[] = {-2.1908902f, -3.7975427f, 0.73029674f, 4.6738993f, 9};

#define PLAIN(rows, width, half)                                                                   \
    {                                                                                              \
        {ALM_DIMS(F32, rows, width)}, {ALM_DIMS(F32, rows, half)},                                 \
        {                                                                                          \
            ALM_DIMS(F32, rows, half)                                                              \
        }                                                                                          \
    }
#define TABLES                                                                                     \
    {ALM_DIMS(F32, 1, 2), .data = cosine},                                                         \
    {                                                                                              \
        ALM_DIMS(F32, 1, 2), .data = sine                                                          \
    }

static const alm_op_case cases[] = {
    {.name = "known",
     .in = {{ALM_DIMS(F32, 1, 5), .data = x}, TABLES},
     .attr = &one,
     .expect = {turned},
     .expect_within = 2e-7},
    {.name = "known, normalised",
     .in = {{ALM_DIMS(F32, 1, 5), .data = x}, TABLES, {ALM_DIMS(F32, 4), .data = norm}},
     .attr = &one,
     .expect = {normed},
     .expect_within = 2e-6},
    {.name = "heads of 2", .in = PLAIN(3, 4, 1), .attr = &two_of_2},
    {.name = "heads of 14", .in = PLAIN(5, 50, 7), .attr = &three_of_14},
    {.name = "heads of 32", .in = PLAIN(5, 64, 16), .attr = &two_of_32},
    {.name = "heads of 34, bf16, strides",
     .in = {{ALM_DIMS(F32, 5, 70)},
            {ALM_DIMS(F32, 5, 17), .stride = 18},
            {ALM_DIMS(F32, 5, 17), .stride = 20},
            {ALM_DIMS(BF16, 34)}},
     .attr = &two_of_34,
     .out_stride = {71}},
    {.name = "vision",
     .in = {{ALM_DIMS(F32, 20, 3072), .rows = 13},
            {ALM_DIMS(F32, 20, 32), .rows = 13},
            {ALM_DIMS(F32, 20, 32), .rows = 13}},
     .attr = &vision},
    {.name = "text",
     .in = {{ALM_DIMS(F32, 20, 2048), .rows = 9},
            {ALM_DIMS(F32, 20, 64), .rows = 9},
            {ALM_DIMS(F32, 20, 64), .rows = 9},
            {ALM_DIMS(F32, 128)}},
     .attr = &text},
    {.name = "bf16, heads of 34, strides",
     .in = {{ALM_DIMS(BF16, 5, 70)},
            {ALM_DIMS(F32, 5, 17), .stride = 18},
            {ALM_DIMS(F32, 5, 17), .stride = 20},
            {ALM_DIMS(BF16, 34)}},
     .attr = &two_of_34,
     .out_dtype = ALM_DTYPE_BF16,
     .out_stride = {71}},
    {.name = "bf16, vision",
     .in = {{ALM_DIMS(BF16, 20, 3072), .rows = 13},
            {ALM_DIMS(F32, 20, 32), .rows = 13},
            {ALM_DIMS(F32, 20, 32), .rows = 13}},
     .attr = &vision,
     .out_dtype = ALM_DTYPE_BF16},
    {.name = "bf16 in, text",
     .in = {{ALM_DIMS(BF16, 20, 2048), .rows = 9},
            {ALM_DIMS(F32, 20, 64), .rows = 9},
            {ALM_DIMS(F32, 20, 64), .rows = 9},
            {ALM_DIMS(BF16, 128)}},
     .attr = &text},
    {.name = "bf16 out, heads of 14",
     .in = PLAIN(5, 50, 7),
     .attr = &three_of_14,
     .out_dtype = ALM_DTYPE_BF16},
    {.name = "heads of 256, bf16 out",
     .in = {{ALM_DIMS(F32, 3, 515)},
            {ALM_DIMS(F32, 3, 128)},
            {ALM_DIMS(F32, 3, 128)},
            {ALM_DIMS(BF16, 256)}},
     .attr = &two_of_256,
     .out_dtype = ALM_DTYPE_BF16},
    {.name = "heads of 264",
     .in = {{ALM_DIMS(F32, 3, 528)},
            {ALM_DIMS(F32, 3, 132)},
            {ALM_DIMS(F32, 3, 132)},
            {ALM_DIMS(F32, 264)}},
     .attr = &two_of_264},
    {.name = "heads of 530, odd strides",
     .in = {{ALM_DIMS(F32, 3, 1100)},
            {ALM_DIMS(F32, 3, 265), .stride = 268},
            {ALM_DIMS(F32, 3, 265)},
            {ALM_DIMS(BF16, 530)}},
     .attr = &two_of_530,
     .out_stride = {1103}},
    {.name = "large values",
     .in = {{ALM_DIMS(F32, 3, 64), .low = -1e30, .high = 1e30},
            {ALM_DIMS(F32, 3, 16)},
            {ALM_DIMS(F32, 3, 16)},
            {ALM_DIMS(F32, 32)}},
     .attr = &two_of_32},
    {.name = "bf16, text keys",
     .in = {{ALM_DIMS(BF16, 4, 1024), .rows = 3},
            {ALM_DIMS(F32, 4, 64), .rows = 3},
            {ALM_DIMS(F32, 4, 64), .rows = 3},
            {ALM_DIMS(BF16, 128)}},
     .attr = &text_keys,
     .out_dtype = ALM_DTYPE_BF16},
    {.name = "no row",
     .in = {{ALM_DIMS(F32, 2, 5), .rows = ALM_ROWS_NONE},
            {ALM_DIMS(F32, 2, 2), .rows = ALM_ROWS_NONE},
            {ALM_DIMS(F32, 2, 2), .rows = ALM_ROWS_NONE}},
     .attr = &one},
};

static const alm_op_bad bad[] = {
    {.name = "type of x",
     .input = 0,
     ALM_DIMS(F64, 1, 5),
     .status = ALM_STATUS_MODEL,
     .text = "rotary: x is F64, expected F32 or BF16"},
    {.name = "padded x",
     .input = 0,
     .stride = 6,
     .status = ALM_STATUS_INTERNAL,
     .text = "rotary: the rows of x lie 6"},
    {.name = "odd head",
     .attr = &odd,
     .status = ALM_STATUS_MODEL,
     .text = "rotary: 1 heads of 3 in rows of 5"},
    {.name = "no head", .attr = &none, .status = ALM_STATUS_MODEL, .text = "rotary: 0 heads of 4"},
    {.name = "too many heads",
     .attr = &too_many,
     .status = ALM_STATUS_MODEL,
     .text = "rotary: 2 heads of 4 in rows of 5"},
    {.name = "rows of cos",
     .input = 1,
     ALM_DIMS(F32, 2, 2),
     .status = ALM_STATUS_MODEL,
     .text = "rotary: cos is F32 [2, 2], expected [1, 2]"},
    {.name = "width of sin",
     .input = 2,
     ALM_DIMS(F32, 1, 4),
     .status = ALM_STATUS_MODEL,
     .text = "rotary: sin is F32 [1, 4], expected [1, 2]"},
    {.name = "type of cos",
     .input = 1,
     ALM_DIMS(F64, 1, 2),
     .status = ALM_STATUS_MODEL,
     .text = "rotary: cos is F64"},
    {.name = "size of norm",
     .base = 1,
     .input = 3,
     ALM_DIMS(F32, 5),
     .status = ALM_STATUS_MODEL,
     .text = "rotary: norm is F32 [5], expected [4]"},
    {.name = "eps",
     .base = 1,
     .attr = &no_eps,
     .status = ALM_STATUS_MODEL,
     .text = "rotary: eps is 0"},
};

/* |a·cos| + |b·sin| of the normalised halves; what passes through is exact. */
static void magnitude(const alm_op_args *a, int output, double *m)
{
    (void)output;
    const alm_rotary_attr *at = a->attr;
    const alm_tensor *weight = alm_optional(a, 3);
    const int64_t d = at->head_dim, half = d / 2, width = a->in[0].desc.dim[1];
    for (int64_t r = 0; r < alm_rows(&a->in[0]); r++) {
        const alm_tensor *x_of = &a->in[0];
        const float *c = alm_row(const float, &a->in[1], r),
                    *s = alm_row(const float, &a->in[2], r);
        for (int64_t h = 0; h < at->heads * d; h += d) {
            double square = 0, factor = 1;
            for (int64_t i = 0; i < d; i++) {
                const double value =
                    alm_test_number(x_of->desc.dtype, x_of->data, r * x_of->stride + h + i);
                square += value * value / (double)d;
            }
            factor = weight ? 1 / sqrt(square + at->eps) : 1;
            for (int64_t i = 0; i < d; i++) {
                const int64_t j = (i + half) % d, t = i % half;
                const int64_t first = r * x_of->stride + h;
                double here =
                    fabs(alm_test_number(x_of->desc.dtype, x_of->data, first + i) * factor);
                double there =
                    fabs(alm_test_number(x_of->desc.dtype, x_of->data, first + j) * factor);
                if (weight) {
                    here *= fabs(alm_test_number(weight->desc.dtype, weight->data, i));
                    there *= fabs(alm_test_number(weight->desc.dtype, weight->data, j));
                }
                m[r * width + h + i] = here * fabs((double)c[t]) + there * fabs((double)s[t]);
            }
        }
    }
}

const alm_op_cases alm_cases_rotary = {
    .op = &alm_op_rotary,
    ALM_CASES(cases),
    ALM_BAD(bad),
    .row_inputs = 1 << 0 | 1 << 1 | 1 << 2,
    .c = 5, /* the factor, made in double; two products for the norm, one for the turn, one sum */
    .magnitude = magnitude,
};
