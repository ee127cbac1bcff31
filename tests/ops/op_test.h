/* The generic tester of operations: an operation's cases file describes inputs and the error bound,
 * the tester does the rest.
 *
 * A file tests/ops/<op>_cases.c for each operation of ops.def defines `const alm_op_cases
 * alm_cases_<op>`; test_ops.c does not link without it. For example
 *
 *     static const alm_op_case cases[] = {
 *         {.name = "one row", .in = {{ALM_DIMS(F32, 1, 5)}, {ALM_DIMS(F32, 1, 5)}}},
 *         {.name = "3 of 4 rows, padded",
 *          .in = {{ALM_DIMS(F32, 4, 5), .rows = 3, .stride = 9}, {ALM_DIMS(F32, 4, 5), .rows =
 * 3}}},
 *     };
 *     static const alm_op_bad bad[] = {
 *         {.name = "type of b", .input = 1, ALM_DIMS(BF16, 1, 5), .status = ALM_STATUS_MODEL,
 *          .text = "add: b is BF16"},
 *     };
 *     const alm_op_cases alm_cases_add = {
 *         .op = &alm_op_add, ALM_CASES(cases), ALM_BAD(bad),
 *         .row_inputs = 1 << 0 | 1 << 1,
 *         .c = 1, // one addition
 *         .absolute = true,
 *     };
 *
 * For every case the reference (the last CPU kernel of the list) gives v, and every kernel that
 * this machine runs and that accepts the case, the reference included, must
 *   - give |got - v| <= c·u·m + 2·u·|v| in every element of the rows in use, u = 2^-24, so that NaN
 *     fails (2·u·|v|: both results are rounded to float32 once more); integers are equal;
 *     with .out_dtype BF16 the reference still gives v as F32, so that only got is rounded to 8
 *     bits, once and by half a unit in the last place at most: with e, the limit above, it may lie
 *     2^-8·(|v| + e) further away. (Two rounded results of the same v could differ by a whole
 *     unit, 2^-7·|v|, where v lies in the middle between two BF16 numbers: that much is allowed
 *     where infer() gives BF16.) A kernel that cuts off, or rounds a sum on the way, fails;
 *   - give the same bits in a second run, without a pool and with 1, 2 and 3 threads, with buffers
 *     aligned to one element only, with capacities cut to the rows in use (where check() takes
 *     them), in place (where the operation allows it and the strides agree), and each row alone as
 *     in the batch (row_inputs);
 *   - leave alone the inputs, the gaps between rows of outputs, and guard bytes around all buffers
 *     and the workspace.
 * With a device, its kernels are run instead, with buffers in its memory. They report a fault where
 * a kernel of the CPU refuses, and give the same bits besides with memory that nobody wrote before,
 * when launches may overlap, and in a pair (run_pair). Kernels around a library are only compared
 * with the reference. Outputs and workspace start as NaN; so do gaps between rows and rows past the
 * count of inputs (integers: 0x7F7F7F7F).
 */
#ifndef ALM_TESTS_OPS_OP_TEST_H
#define ALM_TESTS_OPS_OP_TEST_H

#include "kernels/core/op.h"

enum { ALM_OP_TEST_INPUTS = 32, ALM_OP_TEST_OUTPUTS = 4 };

/* .rows of an input with no row in use. */
enum { ALM_ROWS_NONE = -1 };

typedef struct alm_op_case alm_op_case;

/* One input. All zero: absent. Without data and fill, floats are uniform in [low, high) ([-1, 1)
 * when both are 0) and integers uniform in low ... high, both included (U8: 0 ... 255 when both are
 * 0). */
typedef struct alm_op_input {
    alm_desc desc;
    int32_t rows;     /* in use; 0: all, then count is NULL */
    int64_t stride;   /* elements from row to row; 0: packed */
    double low, high; /* of random values */
    const void *data; /* the packed elements, in the type of desc */
    /* Writes the packed elements of input `index`; inputs before it are filled already: filled[i]
     * holds their packed elements. Random numbers: alm_test_random(). */
    void (*fill)(const alm_op_case *c, int index, void *const *filled, void *data);
} alm_op_input;

struct alm_op_case {
    const char *name;
    alm_op_input in[ALM_OP_TEST_INPUTS];
    int n_in; /* 0: up to the last input that is present */
    const void *attr;
    int64_t out_stride[ALM_OP_TEST_OUTPUTS]; /* 0: packed */
    /* Type of output 0 where infer() gives F32 and the operation may narrow it, or the other way
     * round; 0: what infer() gives. */
    alm_dtype out_dtype;
    /* Known results, packed, rows in use only, of the type of infer(); the reference must give
     * them: floats within expect_within·(1 + |expected|), integers exactly. NULL: not known. */
    const void *expect[ALM_OP_TEST_OUTPUTS];
    double expect_within;
    /* Every kernel must refuse to run the case with this status and a message that holds the text.
     */
    alm_status refused;
    const char *refused_text;
};

/* check(), or the number of inputs before it, must refuse `base` (an index into cases) with this
 * one thing changed. Fields that are zero change nothing. */
typedef struct alm_op_bad {
    const char *name;
    int base;
    int input; /* whose desc, stride, absence is changed */
    alm_desc desc;
    int64_t stride;
    bool absent;
    const void *attr;
    int n_in;
    alm_status status;
    const char *text; /* the message holds this */
} alm_op_bad;

typedef struct alm_op_cases {
    const alm_op_def *op;
    const alm_op_case *cases;
    int n_cases;
    /* More cases, made on the fly: fills *c (zero before) for index 0, 1, ... until it gives false.
     * What it points to must live until the next call. May be NULL. */
    bool (*make)(int index, alm_op_case *c);
    const alm_op_bad *bad;
    int n_bad;
    /* Bit i: row r of output depends on row r of input i and on no other row of it. 0: rows are not
     * independent. */
    uint32_t row_inputs;
    /* The error bound of kernels: c, or c_of(a) where it depends on sizes; derive it in a comment.
     */
    double c;
    double (*c_of)(const alm_op_args *a);
    /* m of every element of an output, packed [rows in use, row], from the arguments and results of
     * the reference; m holds |v| before. NULL: |v|, or with `absolute` what the reference gives for
     * the absolute values of all floating inputs. */
    void (*magnitude)(const alm_op_args *a, int output, double *m);
    bool absolute;
} alm_op_cases;

/* .desc = of a type and dimensions: ALM_DIMS(F32, 3, 4). */
#define ALM_DIMS(type, ...)                                                                        \
    .desc = {.dtype = ALM_DTYPE_##type,                                                            \
             .rank = (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),                    \
             .dim = {__VA_ARGS__}}

#define ALM_CASES(list) .cases = (list), .n_cases = (int)(sizeof(list) / sizeof(list)[0])
#define ALM_BAD(list) .bad = (list), .n_bad = (int)(sizeof(list) / sizeof(list)[0])

/* Bytes to the double they stand for, and element i of a tensor of any floating type. */
double alm_test_number(alm_dtype dtype, const void *data, int64_t i);

/* A device beside the CPU: its kernels run the same cases (op_test_cuda.h). */
typedef struct alm_op_test_device alm_op_test_device;

/* Runs all cases and all bad arguments on the kernels of the CPU, or of the device (may be NULL);
 * failures are failures of the running test. */
void alm_op_test(const alm_op_cases *cases, const alm_op_test_device *device);

/* The same with another way to report, for the test of the tester. Returns the number of reports.
 */
typedef void alm_op_report_fn(void *context, const char *text);
int alm_op_test_report(const alm_op_cases *cases, const alm_op_test_device *device,
                       alm_op_report_fn *report, void *context);

#endif
