/* Cases of linear: shapes around register tiles (6 and 14 rows, 16 and 32 columns), panels and
 * steps of K (256), every epilogue, both weight types, strides. */
#include "kernels/linear/linear.h"

#include <math.h>
#include <stdio.h>

#include "tests/ops/op_test.h"
#include "tests/shim/alm_test.h"

static const alm_linear_attr attrs[] = {
    {.epilogue = ALM_EPILOGUE_NONE},      {.epilogue = ALM_EPILOGUE_RELU},
    {.epilogue = ALM_EPILOGUE_SILU},      {.epilogue = ALM_EPILOGUE_GELU_ERF},
    {.epilogue = ALM_EPILOGUE_GELU_TANH}, {.epilogue = ALM_EPILOGUE_SWIGLU},
};
static const alm_linear_attr none = {.epilogue = ALM_EPILOGUE_NONE},
                             swiglu = {.epilogue = ALM_EPILOGUE_SWIGLU},
                             unknown = {.epilogue = (alm_epilogue)9};

/* [2, 3] · [2, 3]ᵀ + bias + residual. */
static const float x[] = {1, 2, 3, -1, 0, 1}, weight[] = {1, 0, 2, -1, 1, 0}, bias[] = {10, 20},
                   residual[] = {100, 200, 300, 400};
static const float plain[] = {7, 1, 1, 1}, whole[] = {117, 221, 311, 421},
                   rectified[] = {7, 1, 1, 1};
/* silu(7)·7 and so on: up is the gate. */
static const float gated[] = {48.955318f, 0.73105858f, 0.73105858f, 0.73105858f};

static const alm_op_case cases[] = {
    {.name = "known",
     .in = {{ALM_DIMS(F32, 2, 3), .data = x}, {ALM_DIMS(F32, 2, 3), .data = weight}},
     .attr = &none,
     .expect = {plain}},
    {.name = "known, bias and residual",
     .in = {{ALM_DIMS(F32, 2, 3), .data = x},
            {ALM_DIMS(F32, 2, 3), .data = weight},
            {ALM_DIMS(F32, 2), .data = bias},
            {ALM_DIMS(F32, 2, 2), .data = residual}},
     .attr = &none,
     .expect = {whole}},
    {.name = "known, relu",
     .in = {{ALM_DIMS(F32, 2, 3), .data = x}, {ALM_DIMS(F32, 2, 3), .data = weight}},
     .attr = &attrs[ALM_EPILOGUE_RELU],
     .expect = {rectified}},
    {.name = "known, swiglu",
     .in = {{ALM_DIMS(F32, 2, 3), .data = x},
            {ALM_DIMS(F32, 2, 3), .data = weight},
            {.rows = 0},
            {.rows = 0},
            {ALM_DIMS(F32, 2, 3), .data = weight}},
     .n_in = 5,
     .attr = &swiglu,
     .expect = {gated},
     .expect_within = 1e-6},
    {.name = "no row in use",
     .in = {{ALM_DIMS(F32, 5, 3), .rows = ALM_ROWS_NONE}, {ALM_DIMS(BF16, 9, 3)}},
     .attr = &none},
    {.name = "no row", .in = {{ALM_DIMS(F32, 0, 3)}, {ALM_DIMS(BF16, 9, 3)}}, .attr = &none},
    {.name = "a patch embedding",
     .in = {{ALM_DIMS(F32, 30, 96)}, {ALM_DIMS(BF16, 40, 3, 2, 4, 4)}, {ALM_DIMS(BF16, 40)}},
     .attr = &none},
    {.name = "deep, wide, strided, some rows",
     .in = {{ALM_DIMS(F32, 300, 600), .rows = 277, .stride = 612},
            {ALM_DIMS(BF16, 290, 600)},
            {ALM_DIMS(BF16, 290)},
            {ALM_DIMS(F32, 300, 290), .rows = 277}},
     .attr = &attrs[ALM_EPILOGUE_GELU_TANH]},
    {.name = "more rows than a block, fewer in use",
     .in = {{ALM_DIMS(F32, 1300, 9), .rows = 1200}, {ALM_DIMS(BF16, 40, 9)}, {ALM_DIMS(F32, 40)}},
     .attr = &none},
    {.name = "more rows than a block",
     .in = {{ALM_DIMS(F32, 1300, 9)}, {ALM_DIMS(F32, 40, 9)}},
     .attr = &none},
    {.name = "more columns than a block, in several steps of K",
     .in = {{ALM_DIMS(F32, 20, 520)}, {ALM_DIMS(BF16, 550, 520)}},
     .attr = &attrs[ALM_EPILOGUE_SILU]},
    {.name = "more columns than a block, swiglu",
     .in = {{ALM_DIMS(F32, 20, 300)},
            {ALM_DIMS(BF16, 290, 300)},
            {.rows = 0},
            {.rows = 0},
            {ALM_DIMS(BF16, 290, 300)}},
     .n_in = 5,
     .attr = &swiglu},
    {.name = "residual padded",
     .in = {{ALM_DIMS(F32, 20, 40)},
            {ALM_DIMS(F32, 33, 40)},
            {.rows = 0},
            {ALM_DIMS(F32, 20, 33), .stride = 37}},
     .attr = &none,
     .out_stride = {37}},
    {.name = "bf16, deep, wide, strided, some rows",
     .in = {{ALM_DIMS(BF16, 300, 600), .rows = 277, .stride = 612},
            {ALM_DIMS(BF16, 290, 600)},
            {ALM_DIMS(BF16, 290)},
            {ALM_DIMS(F32, 300, 290), .rows = 277}},
     .attr = &attrs[ALM_EPILOGUE_GELU_TANH],
     .out_dtype = ALM_DTYPE_BF16,
     .out_stride = {291}},
    {.name = "bf16, no row in use",
     .in = {{ALM_DIMS(BF16, 5, 3), .rows = ALM_ROWS_NONE}, {ALM_DIMS(BF16, 9, 3)}},
     .attr = &none,
     .out_dtype = ALM_DTYPE_BF16},
};

/* The tiles of the tensor-core kernels, at tile - 1, tile, tile + 1: BF16 operands, K a multiple of
 * 8 around the 16 of an mma and the 32 of a stage. Rows and K are both short in most cases, because
 * every tile runs them on an emulated GPU. */
enum { TILE_CASES = 24 };
static void make_tile(int index, alm_op_case *c)
{
    static const int64_t rows[] = {1, 63, 64, 65, 127, 128, 129, 130},
                         columns[] = {63, 64, 65, 127, 128, 129, 255, 256, 257},
                         depths[] = {8, 24, 32, 40, 64, 72, 136};
    static char name[128];
    const int64_t n = rows[index % 8], m = columns[(2 * index + index / 8) % 9],
                  k = depths[index % 7];
    const int e = (index + index / 7) % 6;
    const bool is_swiglu = e == ALM_EPILOGUE_SWIGLU, out = index % 5 < 2;
    snprintf(name, sizeof name, "tiles, %lld x %lld x %lld, epilogue %d%s", (long long)n,
             (long long)m, (long long)k, e, out ? ", bf16 out" : "");
    c->name = name;
    c->attr = &attrs[e];
    c->out_dtype = out ? ALM_DTYPE_BF16 : ALM_DTYPE_NONE;
    c->in[0].desc = alm_desc_2(ALM_DTYPE_BF16, n, k);
    c->in[0].stride = index % 3 == 0 ? k + 8 : 0;
    c->in[0].rows = n > 64 && index % 4 == 1 ? (int32_t)n - 64 : 0;
    c->in[1].desc = alm_desc_2(ALM_DTYPE_BF16, m, k);
    if (index % 4 < 3 && !is_swiglu) {
        c->in[2].desc = alm_desc_1(index % 8 < 3 ? ALM_DTYPE_F32 : ALM_DTYPE_BF16, m);
    }
    if (index % 3 > 0) {
        c->in[3].desc = alm_desc_2(ALM_DTYPE_F32, n, m);
        c->in[3].rows = c->in[0].rows;
    }
    if (is_swiglu) {
        c->in[4].desc = alm_desc_2(ALM_DTYPE_BF16, m, k);
    }
    c->out_stride[0] = index % 6 == 2 ? m + 3 : 0;
    c->n_in = 5;
}

/* Sizes at tile - 1, tile, tile + 1 in turn with epilogues, weight types and optional inputs; the
 * last 54 with BF16 operands in turn for x, the result, and both. */
static bool make(int index, alm_op_case *c)
{
    static const int64_t rows[] = {1, 5, 6, 7, 13, 14, 15, 29, 97},
                         columns[] = {1, 15, 16, 17, 31, 32, 33, 259},
                         depths[] = {1, 7, 8, 16, 255, 256, 257, 520};
    static char name[128];
    enum { ROWS = 9, COLUMNS = 8, DEPTHS = 8, F32_CASES = 216, CASES = F32_CASES + 54 };
    if (index >= CASES) {
        make_tile(index - CASES, c);
        return index - CASES < TILE_CASES;
    }
    /* 9, 8 and 7 steps: every pair of sizes meets in 216 cases, and every epilogue each size. */
    const int64_t n = rows[index % ROWS], m = columns[index / 3 % COLUMNS],
                  k = depths[(index / 2 + index / 9) % DEPTHS];
    const int e = index % 6;
    const bool bf16 = index / 6 % 2 == 0, is_swiglu = e == ALM_EPILOGUE_SWIGLU;
    const alm_dtype type = bf16 ? ALM_DTYPE_BF16 : ALM_DTYPE_F32;
    const int narrow = index < F32_CASES ? 0 : 1 + index / 6 % 3; /* bit 0: x, bit 1: out */
    snprintf(name, sizeof name, "%lld x %lld x %lld, epilogue %d, %s%s%s", (long long)n,
             (long long)m, (long long)k, e, bf16 ? "bf16" : "f32", narrow & 1 ? ", bf16 in" : "",
             narrow & 2 ? ", bf16 out" : "");
    c->name = name;
    c->attr = &attrs[e];
    c->out_dtype = narrow & 2 ? ALM_DTYPE_BF16 : ALM_DTYPE_NONE;
    c->in[0].desc = alm_desc_2(narrow & 1 ? ALM_DTYPE_BF16 : ALM_DTYPE_F32, n, k);
    c->in[0].stride = index % 4 == 3 ? k + 5 : 0;
    c->in[1].desc = alm_desc_2(type, m, k);
    if (index % 5 < 3 && !is_swiglu) {
        c->in[2].desc = alm_desc_1(type, m);
    }
    if (index % 7 < 3) {
        c->in[3].desc = alm_desc_2(ALM_DTYPE_F32, n, m);
    }
    if (is_swiglu) {
        c->in[4].desc = alm_desc_2(type, m, k);
    }
    c->n_in = 5;
    return true;
}

/* Σ |x||w| of one element, and the sum itself. */
static double terms(const alm_op_args *a, const alm_tensor *w, int64_t row, int64_t column,
                    double *sum)
{
    const int64_t depth = a->in[0].desc.dim[1];
    double m = 0;
    *sum = 0;
    for (int64_t k = 0; k < depth; k++) {
        const double t =
            alm_test_number(a->in[0].desc.dtype, a->in[0].data, row * a->in[0].stride + k) *
            alm_test_number(w->desc.dtype, w->data, column * depth + k);
        m += fabs(t);
        *sum += t;
    }
    return m;
}

/* No activation has a slope above 1.13, so that an error of the sum grows by less than that; the
 * product of SWIGLU has the error of each factor times the other. */
static void magnitude(const alm_op_args *a, int output, double *m)
{
    (void)output;
    const alm_linear_attr *attr = a->attr;
    const alm_tensor *b = alm_optional(a, 2), *r = alm_optional(a, 3);
    const int64_t columns = a->in[1].desc.dim[0];
    for (int64_t i = 0; i < alm_rows(&a->in[0]); i++) {
        for (int64_t j = 0; j < columns; j++) {
            double sum, up;
            double all = terms(a, &a->in[1], i, j, &sum);
            if (attr->epilogue == ALM_EPILOGUE_SWIGLU) {
                const double up_all = terms(a, &a->in[4], i, j, &up);
                all = 1.13 * all * fabs(up) + fabs(sum) * up_all;
            } else if (b) {
                all += fabs(alm_test_number(b->desc.dtype, b->data, j));
            }
            all *= 1.13;
            if (r) {
                all += fabs(alm_test_number(ALM_DTYPE_F32, r->data, i * r->stride + j));
            }
            m[i * columns + j] = all;
        }
    }
}

/* K roundings of a chain, each at most u of a partial sum, independent for random data: √K·u·m is
 * three standard deviations and more; twice that leaves one element in 10⁸ outside. A term that is
 * missing or doubled changes an element by m/K, ten times as much even at K = 520. 16: the
 * activations' own roundings. */
static double chain(const alm_op_args *a)
{
    return 16 + 2 * sqrt((double)a->in[0].desc.dim[1]);
}

static const alm_op_bad bad[] = {
    {.name = "type of x",
     .input = 0,
     ALM_DIMS(F16, 2, 3),
     .status = ALM_STATUS_MODEL,
     .text = "linear: x is F16, expected F32 or BF16"},
    {.name = "rank of x",
     .input = 0,
     ALM_DIMS(F32, 2, 3, 1),
     .status = ALM_STATUS_MODEL,
     .text = "linear: x is F32"},
    {.name = "depth",
     .input = 1,
     ALM_DIMS(F32, 2, 4),
     .status = ALM_STATUS_MODEL,
     .text = "expected [*, 3]"},
    {.name = "type of weight",
     .input = 1,
     ALM_DIMS(F16, 2, 3),
     .status = ALM_STATUS_MODEL,
     .text = "weight is F16, expected F32 or BF16"},
    {.name = "bias",
     .base = 1,
     .input = 2,
     ALM_DIMS(F32, 3),
     .status = ALM_STATUS_MODEL,
     .text = "bias is F32 [3]"},
    {.name = "residual",
     .base = 1,
     .input = 3,
     ALM_DIMS(F32, 2, 3),
     .status = ALM_STATUS_MODEL,
     .text = "residual is F32 [2, 3]"},
    {.name = "type of residual",
     .base = 1,
     .input = 3,
     ALM_DIMS(BF16, 2, 2),
     .status = ALM_STATUS_MODEL,
     .text = "residual is BF16, expected F32"},
    {.name = "swiglu without up",
     .attr = &swiglu,
     .status = ALM_STATUS_INTERNAL,
     .text = "SWIGLU takes up"},
    {.name = "swiglu with bias",
     .base = 3,
     .input = 2,
     ALM_DIMS(F32, 2),
     .status = ALM_STATUS_INTERNAL,
     .text = "no bias"},
    {.name = "up of another height",
     .base = 3,
     .input = 4,
     ALM_DIMS(F32, 3, 3),
     .status = ALM_STATUS_MODEL,
     .text = "up is F32 [3, 3]"},
    {.name = "up without swiglu",
     .base = 3,
     .attr = &none,
     .status = ALM_STATUS_INTERNAL,
     .text = "take no up"},
    {.name = "epilogue",
     .attr = &unknown,
     .status = ALM_STATUS_INTERNAL,
     .text = "the epilogue is 9"},
    {.name = "too many inputs", .n_in = 6, .status = ALM_STATUS_INTERNAL, .text = "linear"},
};

const alm_op_cases alm_cases_linear = {
    .op = &alm_op_linear,
    ALM_CASES(cases),
    .make = make,
    ALM_BAD(bad),
    .row_inputs = 1 << 0 | 1 << 3,
    .c_of = chain,
    .magnitude = magnitude,
};
