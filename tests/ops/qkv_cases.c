/* Cases of qkv. */
#include <math.h>

#include "kernels/qkv/qkv.h"
#include "tests/ops/op_test.h"

static const alm_qkv_attr of_4 = {.head_dim = 4, .eps = 1e-6};
static const alm_qkv_attr of_32 = {.head_dim = 32, .eps = 1e-6};
static const alm_qkv_attr of_64 = {.head_dim = 64, .eps = 1e-6};
static const alm_qkv_attr of_128 = {.head_dim = 128, .eps = 1e-6};
static const alm_qkv_attr odd = {.head_dim = 3}, no_eps = {.head_dim = 4};
static const alm_qkv_attr of_16 = {.head_dim = 16, .eps = 1e-6};
static const int32_t two[] = {2}, three[] = {3}, far[] = {4}, negative[] = {-1}, none[] = {0},
                     one_behind[] = {1}, row_131[] = {131};

#define TABLES(n, used, half)                                                                      \
    [ALM_QKV_COS] = {ALM_DIMS(F32, n, half), .rows = (used)}, [ALM_QKV_SIN] = {                    \
                                                                  ALM_DIMS(F32, n, half),          \
                                                                  .rows = (used)}
#define WEIGHTS(type, q, c, k)                                                                     \
    [1] = {ALM_DIMS(type, q, k)}, [2] = {ALM_DIMS(type, c, k)}, [3] = {ALM_DIMS(type, c, k)}
#define BIASES(type, q, c)                                                                         \
    [4] = {ALM_DIMS(type, q)}, [5] = {ALM_DIMS(type, c)}, [6] = {ALM_DIMS(type, c)}
#define NORMS(type, d)                                                                             \
    [9] = {ALM_DIMS(type, d), .low = 0.5, .high = 1.5}, [10] = {ALM_DIMS(type, d), .low = 0.5,     \
                                                                .high = 1.5}
#define STATES(type, rows, c, at)                                                                  \
    [11] = {ALM_DIMS(type, rows, c)}, [12] = {ALM_DIMS(type, rows, c)},                            \
    [13] = {ALM_DIMS(I32, 1), .data = at}

/* One row, one head of two channels each: q = (1, 2) turned by a quarter, k = (3, 4) by half a
 * turn, v = 5, 6. */
static const alm_qkv_attr of_2 = {.head_dim = 2};
static const float one[] = {1}, wq[] = {1, 2}, wk[] = {3, 4}, wv[] = {5, 6}, zero[] = {0};
static const float q_known[] = {-2, 1}, k_known[] = {-4, 3}, v_known[] = {5, 6};

static const alm_op_case cases[] = {
    {.name = "known",
     .in = {{ALM_DIMS(F32, 1, 1), .data = one},
            {ALM_DIMS(F32, 2, 1), .data = wq},
            {ALM_DIMS(F32, 2, 1), .data = wk},
            {ALM_DIMS(F32, 2, 1), .data = wv},
            [ALM_QKV_COS] = {ALM_DIMS(F32, 1, 1), .data = zero},
            [ALM_QKV_SIN] = {ALM_DIMS(F32, 1, 1), .data = one}},
     .attr = &of_2,
     .expect = {q_known, k_known, v_known}},
    {.name = "plain",
     .in = {{ALM_DIMS(F32, 5, 7), .stride = 9}, WEIGHTS(F32, 8, 4, 7), TABLES(5, 0, 2)},
     .attr = &of_4},
    {.name = "norms, states",
     .in = {{ALM_DIMS(F32, 5, 12)},
            WEIGHTS(F32, 8, 4, 12),
            TABLES(5, 0, 2),
            NORMS(F32, 4),
            STATES(F32, 7, 4, two)},
     .attr = &of_4},
    {.name = "vision: biases",
     .in = {{ALM_DIMS(F32, 21, 64), .rows = 13},
            WEIGHTS(BF16, 64, 64, 64),
            BIASES(BF16, 64, 64),
            TABLES(21, 13, 16)},
     .attr = &of_32},
    {.name = "bf16, vision",
     .in = {{ALM_DIMS(BF16, 129, 128), .rows = 127},
            WEIGHTS(BF16, 128, 128, 128),
            BIASES(BF16, 128, 128),
            TABLES(129, 127, 32)},
     .out_dtype = ALM_DTYPE_BF16,
     .attr = &of_64},
    {.name = "bf16, text",
     .in = {{ALM_DIMS(BF16, 67, 72)},
            WEIGHTS(BF16, 256, 128, 72),
            TABLES(67, 0, 64),
            NORMS(BF16, 128),
            STATES(BF16, 70, 128, three)},
     .out_dtype = ALM_DTYPE_BF16,
     .attr = &of_128},
    {.name = "bf16: a tile but one, two heads of 64 in a tile, all states",
     .in = {{ALM_DIMS(BF16, 63, 40)},
            WEIGHTS(BF16, 192, 128, 40),
            BIASES(F32, 192, 128),
            TABLES(63, 0, 32),
            NORMS(F32, 64),
            STATES(F32, 63, 128, none)},
     .out_dtype = ALM_DTYPE_BF16,
     .attr = &of_64},
    {.name = "bf16: a tile, heads of 128, wide results",
     .in = {{ALM_DIMS(BF16, 64, 8), .stride = 16}, WEIGHTS(BF16, 384, 128, 8), TABLES(64, 0, 64)},
     .out_stride = {388, 129, 132},
     .attr = &of_128},
    {.name = "bf16: a tile and one, heads of 32, half a tile of keys",
     .in = {{ALM_DIMS(BF16, 65, 96)},
            WEIGHTS(BF16, 128, 64, 96),
            TABLES(65, 0, 16),
            NORMS(BF16, 32),
            STATES(F32, 66, 64, one_behind)},
     .attr = &of_32},
    {.name = "bf16: heads of 16, rows in use end in a tile",
     .in = {{ALM_DIMS(BF16, 130, 64), .rows = 68},
            WEIGHTS(BF16, 48, 80, 64),
            BIASES(BF16, 48, 80),
            TABLES(130, 68, 8)},
     .out_dtype = ALM_DTYPE_BF16,
     .attr = &of_16},
    {.name = "queries of a row",
     .in = {{ALM_DIMS(F32, 5, 12), .stride = 13},
            WEIGHTS(F32, 8, 4, 12),
            TABLES(5, 0, 2),
            NORMS(F32, 4),
            STATES(F32, 7, 4, two),
            [ALM_QKV_ROW] = {ALM_DIMS(I32, 1), .data = three}},
     .attr = &of_4},
    {.name = "bf16: queries of a row in the second tile",
     .in = {{ALM_DIMS(BF16, 140, 64), .rows = 133},
            WEIGHTS(BF16, 192, 64, 64),
            BIASES(BF16, 192, 64),
            TABLES(140, 133, 32),
            [ALM_QKV_ROW] = {ALM_DIMS(I32, 1), .data = row_131}},
     .out_dtype = ALM_DTYPE_BF16,
     .attr = &of_64},
    {.name = "bf16: queries of the last row in use",
     .in = {{ALM_DIMS(BF16, 9, 16), .rows = 7},
            WEIGHTS(BF16, 32, 32, 16),
            TABLES(9, 7, 8),
            NORMS(BF16, 16),
            [ALM_QKV_ROW] = {ALM_DIMS(I32, 1), .data = row_131}},
     .attr = &of_16},
    {.name = "bf16: squares of heads beyond float32",
     .in = {{ALM_DIMS(BF16, 3, 16), .low = 1e18, .high = 3e18},
            [1] = {ALM_DIMS(BF16, 64, 16), .low = 1e4, .high = 2e4},
            [2] = {ALM_DIMS(BF16, 64, 16)},
            [3] = {ALM_DIMS(BF16, 64, 16)},
            TABLES(3, 0, 32),
            NORMS(BF16, 64)},
     .attr = &of_64},
    {.name = "bf16: no row",
     .in = {{ALM_DIMS(BF16, 2, 8), .rows = ALM_ROWS_NONE},
            WEIGHTS(BF16, 16, 16, 8),
            TABLES(2, ALM_ROWS_NONE, 8)},
     .attr = &of_16},
    {.name = "bf16: behind the end",
     .in = {{ALM_DIMS(BF16, 4, 8)},
            WEIGHTS(BF16, 16, 16, 8),
            TABLES(4, 0, 8),
            STATES(BF16, 7, 16, far)},
     .attr = &of_16,
     .refused = ALM_STATUS_INTERNAL,
     .refused_text = "rows 4 to 8 of 7"},
    {.name = "bf16: before the start",
     .in = {{ALM_DIMS(BF16, 4, 8)},
            WEIGHTS(BF16, 16, 16, 8),
            TABLES(4, 0, 8),
            STATES(BF16, 7, 16, negative)},
     .attr = &of_16,
     .refused = ALM_STATUS_INTERNAL,
     .refused_text = "rows -1 to 3 of 7"},
    {.name = "no row",
     .in = {{ALM_DIMS(F32, 2, 8), .rows = ALM_ROWS_NONE},
            WEIGHTS(F32, 4, 4, 8),
            TABLES(2, ALM_ROWS_NONE, 2)},
     .attr = &of_4},
    {.name = "behind the end",
     .in = {{ALM_DIMS(F32, 4, 8)}, WEIGHTS(F32, 4, 4, 8), TABLES(4, 0, 2), STATES(F32, 7, 4, far)},
     .attr = &of_4,
     .refused = ALM_STATUS_INTERNAL,
     .refused_text = "rows 4 to 8 of 7"},
    {.name = "before the start",
     .in = {{ALM_DIMS(F32, 4, 8)},
            WEIGHTS(F32, 4, 4, 8),
            TABLES(4, 0, 2),
            STATES(F32, 7, 4, negative)},
     .attr = &of_4,
     .refused = ALM_STATUS_INTERNAL,
     .refused_text = "rows -1 to 3 of 7"},
};

static const alm_op_bad bad[] = {
    {.name = "type of x",
     .base = 1,
     .input = 0,
     ALM_DIMS(I32, 5, 7),
     .status = ALM_STATUS_MODEL,
     .text = "qkv: x is I32, expected F32 or BF16"},
    {.name = "odd head", .base = 1, .attr = &odd, .status = ALM_STATUS_MODEL, .text = "heads of 3"},
    {.name = "width of wk",
     .base = 1,
     .input = 2,
     ALM_DIMS(F32, 4, 8),
     .status = ALM_STATUS_MODEL,
     .text = "qkv: wk is F32 [4, 8], expected [*, 7]"},
    {.name = "rows of wv",
     .base = 1,
     .input = 3,
     ALM_DIMS(F32, 8, 7),
     .status = ALM_STATUS_MODEL,
     .text = "qkv: wv has 8 rows"},
    {.name = "a head and a half",
     .base = 1,
     .input = 1,
     ALM_DIMS(F32, 6, 7),
     .status = ALM_STATUS_MODEL,
     .text = "qkv: wq has 6 rows for heads of 4"},
    {.name = "two biases",
     .base = 3,
     .input = 5,
     .absent = true,
     .status = ALM_STATUS_INTERNAL,
     .text = "qkv: 2 of 3 inputs for biases"},
    {.name = "one norm",
     .base = 2,
     .input = 10,
     .absent = true,
     .status = ALM_STATUS_INTERNAL,
     .text = "qkv: 1 of 2 inputs for norms"},
    {.name = "no offset",
     .base = 2,
     .input = 13,
     .absent = true,
     .status = ALM_STATUS_INTERNAL,
     .text = "qkv: 2 of 3 inputs for keys"},
    {.name = "small state",
     .base = 2,
     .input = 11,
     ALM_DIMS(F32, 4, 4),
     .status = ALM_STATUS_MODEL,
     .text = "qkv: 5 rows, keys has 4"},
    {.name = "width of a state",
     .base = 2,
     .input = 12,
     ALM_DIMS(F32, 7, 8),
     .status = ALM_STATUS_MODEL,
     .text = "qkv: values is F32 [7, 8], expected [*, 4]"},
    {.name = "rows of cos",
     .base = 1,
     .input = ALM_QKV_COS,
     ALM_DIMS(F32, 4, 2),
     .status = ALM_STATUS_MODEL,
     .text = "qkv: cos is F32 [4, 2], expected [5, 2]"},
    {.name = "two rows of queries",
     .base = 1,
     .input = ALM_QKV_ROW,
     ALM_DIMS(I32, 2),
     .n_in = ALM_QKV_INPUTS,
     .status = ALM_STATUS_MODEL,
     .text = "qkv: row is I32 [2], expected [1]"},
    {.name = "eps",
     .base = 2,
     .attr = &no_eps,
     .status = ALM_STATUS_MODEL,
     .text = "qkv: eps is 0"},
};

/* A value and what its rounding errors are relative to. */
typedef struct term {
    double value, magnitude;
} term;

static double number(const alm_tensor *t, int64_t i)
{
    return alm_test_number(t->desc.dtype, t->data, i);
}

/* Element i of row r of the linear layer `part`. */
static term project(const alm_op_args *a, int part, int64_t r, int64_t i)
{
    const alm_tensor *x = &a->in[0], *w = &a->in[ALM_QKV_WEIGHT + part];
    const alm_tensor *b = alm_optional(a, ALM_QKV_BIAS + part);
    const int64_t k = x->desc.dim[1];
    term t = {b ? number(b, i) : 0, b ? fabs(number(b, i)) : 0};
    for (int64_t j = 0; j < k; j++) {
        const double product = number(x, r * x->stride + j) * number(w, i * k + j);
        t.value += product;
        t.magnitude += fabs(product);
    }
    return t;
}

/* The head before its turn. A relative error e_j of channel j changes the norm of the head by
 * Σ v_j² e_j / Σ v_j², which scales every channel. */
static void normalise(const alm_op_args *a, int part, term *head)
{
    const alm_qkv_attr *at = a->attr;
    const alm_tensor *w = alm_optional(a, ALM_QKV_NORM + part);
    double square = 0, shared = 0;
    if (!w) {
        return;
    }
    for (int i = 0; i < at->head_dim; i++) {
        square += head[i].value * head[i].value;
        shared += fabs(head[i].value) * head[i].magnitude;
    }
    const double factor = 1 / sqrt(square / at->head_dim + at->eps);
    for (int i = 0; i < at->head_dim; i++) {
        const double weight = factor * number(w, i);
        head[i].magnitude =
            fabs(weight) *
            (head[i].magnitude + (square > 0 ? fabs(head[i].value) * shared / square : 0));
        head[i].value *= weight;
    }
}

static void magnitude(const alm_op_args *a, int output, double *m)
{
    enum { LARGEST_HEAD = 256 };
    const alm_qkv_attr *at = a->attr;
    const int d = at->head_dim, half = d / 2;
    const int64_t width = a->in[ALM_QKV_WEIGHT + output].desc.dim[0];
    const bool placed = output > 0 && alm_optional(a, ALM_QKV_OFFSET);
    const int64_t first = placed ? *(const int32_t *)a->in[ALM_QKV_OFFSET].data : 0;
    term head[LARGEST_HEAD];
    const alm_tensor *only = output == 0 ? alm_optional(a, ALM_QKV_ROW) : NULL;
    const int64_t end = alm_rows(&a->in[0]);
    const int64_t wanted = only ? *(const int32_t *)only->data : 0;
    const int64_t begin = only ? (wanted < end ? wanted : end - 1) : 0;
    for (int64_t r = begin; r < (only ? begin + 1 : end); r++) {
        double *row = m + (first + r - begin) * width;
        const float *c = alm_row(const float, &a->in[ALM_QKV_COS], r),
                    *s = alm_row(const float, &a->in[ALM_QKV_SIN], r);
        for (int64_t h = 0; h < width; h += d) {
            for (int i = 0; i < d; i++) {
                head[i] = project(a, output, r, h + i);
            }
            if (output < 2) {
                normalise(a, output, head);
            }
            for (int i = 0; i < d; i++) {
                const double there = head[(i + half) % d].magnitude;
                row[h + i] = output < 2 ? head[i].magnitude * fabs((double)c[i % half]) +
                                              there * fabs((double)s[i % half])
                                        : head[i].magnitude;
            }
        }
    }
}

/* K products and sums and the bias; the reference rounds between its steps (2); the norm's factor
 * and two products; the turn (2) and its sum. */
static double constant(const alm_op_args *a)
{
    return (double)a->in[0].desc.dim[1] + 10;
}

const alm_op_cases alm_cases_qkv = {
    .op = &alm_op_qkv,
    ALM_CASES(cases),
    ALM_BAD(bad),
    .c_of = constant,
    .magnitude = magnitude,
};
