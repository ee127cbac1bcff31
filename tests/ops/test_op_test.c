/* The tester of operations must find what it says it finds: an operation that doubles its input,
 * and broken kernels of it, one for each kind of mistake. */
#include <stdlib.h>

#include "kernels/core/memory.h"
#include "kernels/core/numeric.h"
#include "kernels/core/rows.h"
#include "tests/ops/op_test.h"
#include "tests/shim/alm_test.h"

static alm_status check(const alm_op_args *a)
{
    ALM_TRY(alm_check_dtype("double", "x", &a->in[0], ALM_DTYPE_F32));
    return alm_check_shape("double", "x", &a->in[0], ALM_SHAPE(-1, -1));
}

static alm_status infer(const alm_op_args *a, alm_desc *out)
{
    out[0] = a->in[0].desc;
    return ALM_OK;
}

static alm_status run_ref(const alm_exec *x, const alm_op_args *a)
{
    (void)x;
    for (int64_t r = 0; r < alm_rows(&a->in[0]); r++) {
        for (int64_t c = 0; c < a->in[0].desc.dim[1]; c++) {
            alm_row(float, &a->out[0], r)[c] = 2 * alm_row(const float, &a->in[0], r)[c];
        }
    }
    return ALM_OK;
}

/* What the broken kernel does besides. */
static void (*mistake)(const alm_exec *x, const alm_op_args *a);

static alm_status run_broken(const alm_exec *x, const alm_op_args *a)
{
    ALM_TRY(run_ref(x, a));
    if (mistake) {
        mistake(x, a);
    }
    return ALM_OK;
}

static size_t workspace(const alm_op_args *a, const alm_device *device)
{
    (void)a;
    (void)device;
    return 36;
}

static bool is_wide(const alm_op_args *a)
{
    return a->in[0].desc.dim[1] > 1000;
}

static const alm_kernel kernels[] = {
    {.name = "double_f32_broken", .run = run_broken, .workspace = workspace},
    {.name = "double_f32_ref", .run = run_ref},
    {.name = NULL},
};
static const alm_op_def doubling = {.name = "double",
                                    .in_min = 1,
                                    .in_max = 1,
                                    .out_count = 1,
                                    .count_from = 0,
                                    .in_place = 0,
                                    .check = check,
                                    .infer = infer,
                                    .kernels = kernels};

static const float two_rows[] = {1, 2, 3, 4}, doubled[] = {2, 4, 6, 8}, wrong[] = {2, 4, 6, 9};
static const alm_op_case cases[] = {
    {.name = "known", .in = {{ALM_DIMS(F32, 2, 2), .data = two_rows}}, .expect = {doubled}},
    {.name = "strides", .in = {{ALM_DIMS(F32, 5, 3), .stride = 4}}, .out_stride = {5}},
    {.name = "rows in use", .in = {{ALM_DIMS(F32, 5, 3), .rows = 3}}},
};
static const alm_op_bad bad[] = {
    {.name = "type",
     .input = 0,
     ALM_DIMS(I32, 2, 2),
     .status = ALM_STATUS_MODEL,
     .text = "double: x is I32"},
};
static const alm_op_cases good = {
    .op = &doubling, ALM_CASES(cases), ALM_BAD(bad), .row_inputs = 1, .c = 1};

/* Reports are counted; the first that holds the text is remembered. */
typedef struct expected {
    const char *text;
    bool found;
} expected;

static void note(void *context, const char *text)
{
    expected *e = context;
    e->found = e->found || (e->text && strstr(text, e->text));
}

static void check_found(const alm_op_cases *list, const char *text)
{
    expected e = {.text = text};
    const int reports = alm_op_test_report(list, NULL, note, &e);
    if (reports == 0 || !e.found) {
        ALM_FAIL("%d reports, none with \"%s\"", reports, text);
    }
}

static void check_mistake(void (*made)(const alm_exec *x, const alm_op_args *a), const char *text)
{
    mistake = made;
    check_found(&good, text);
    mistake = NULL;
}

static float *first_out(const alm_op_args *a)
{
    return a->out[0].data;
}

static void be_inexact(const alm_exec *x, const alm_op_args *a)
{
    (void)x;
    first_out(a)[1] *= 1 + 0x1p-21f;
}

static void give_nan(const alm_exec *x, const alm_op_args *a)
{
    (void)x;
    first_out(a)[0] = NAN;
}

static void leave_unwritten(const alm_exec *x, const alm_op_args *a)
{
    (void)x;
    memcpy(first_out(a), a->workspace, sizeof(float));
}

static void write_gap(const alm_exec *x, const alm_op_args *a)
{
    (void)x;
    if (a->out[0].desc.dim[0] > 1 && a->out[0].stride > a->out[0].desc.dim[1]) {
        first_out(a)[a->out[0].desc.dim[1]] = 0;
    }
}

static void change_input(const alm_exec *x, const alm_op_args *a)
{
    (void)x;
    if (a->in[0].data != a->out[0].data) {
        *(float *)a->in[0].data += 1;
    }
}

static void read_unused_row(const alm_exec *x, const alm_op_args *a)
{
    (void)x;
    if (a->in[0].count) {
        first_out(a)[0] += alm_row(const float, &a->in[0], *a->in[0].count)[0];
    }
}

static void look_at_threads(const alm_exec *x, const alm_op_args *a)
{
    first_out(a)[0] *= x->pool && alm_pool_threads(x->pool) == 3 ? 1 + 0x1p-23f : 1;
}

static void look_at_capacity(const alm_exec *x, const alm_op_args *a)
{
    (void)x;
    first_out(a)[0] *= a->in[0].desc.dim[0] == 3 ? 1 + 0x1p-23f : 1;
}

static void look_at_batch(const alm_exec *x, const alm_op_args *a)
{
    (void)x;
    first_out(a)[0] *= a->in[0].desc.dim[0] == 1 ? 1 + 0x1p-23f : 1;
}

static void look_at_address(const alm_exec *x, const alm_op_args *a)
{
    (void)x;
    first_out(a)[0] *= (uintptr_t)a->in[0].data % 16 ? 1 + 0x1p-23f : 1;
}

static void look_at_aliasing(const alm_exec *x, const alm_op_args *a)
{
    (void)x;
    first_out(a)[0] *= a->in[0].data == a->out[0].data ? 1 + 0x1p-23f : 1;
}

static void allocate(const alm_exec *x, const alm_op_args *a)
{
    void *block = NULL;
    (void)x;
    (void)a;
    (void)alm_alloc(1, 1, "a kernel", &block);
    alm_free(block);
}

ALM_TEST(op_test, accepts_what_is_right)
{
    expected e = {.text = NULL};
    ALM_CHECK_INT(alm_op_test_report(&good, NULL, note, &e), 0);
}

ALM_TEST(op_test, finds_wrong_numbers)
{
    check_mistake(be_inexact, "expected");
    check_mistake(give_nan, "nan, expected");
    check_mistake(leave_unwritten, "second run");
}

ALM_TEST(op_test, finds_dependence_on_what_must_not_matter)
{
    check_mistake(look_at_threads, "3 threads: output 0, row 0, element 0");
    check_mistake(look_at_capacity, "capacity cut to the rows in use");
    check_mistake(look_at_batch, "a row alone");
    check_mistake(look_at_address, "unaligned buffers");
    check_mistake(look_at_aliasing, "in place");
    check_mistake(read_unused_row, "nan, expected");
}

ALM_TEST(op_test, finds_stray_writes)
{
    check_mistake(write_gap, "written outside of the rows of output 0");
    check_mistake(change_input, "input 0, its gaps or its guards changed");
    check_mistake(allocate, "allocates");
}

#if !defined(__SANITIZE_ADDRESS__)
static void write_before(const alm_exec *x, const alm_op_args *a)
{
    (void)x;
    ((volatile float *)first_out(a))[-1] = 0;
}

static void write_behind_workspace(const alm_exec *x, const alm_op_args *a)
{
    (void)x;
    ((volatile float *)a->workspace)[9] = 0;
}

/* The sanitizer stops at these by itself. */
ALM_TEST(op_test, finds_writes_to_guards)
{
    check_mistake(write_before, "written outside of the rows of output 0");
    check_mistake(write_behind_workspace, "written outside of the workspace of 36 bytes");
}
#endif

ALM_TEST(op_test, finds_wrong_cases)
{
    const alm_op_case unknown[] = {
        {.name = "wrong", .in = {{ALM_DIMS(F32, 2, 2), .data = two_rows}}, .expect = {wrong}}};
    const alm_op_bad accepted[] = {
        {.name = "nothing wrong", .status = ALM_STATUS_MODEL, .text = "double"}};
    const alm_op_bad other_text[] = {{.name = "text",
                                      .input = 0,
                                      ALM_DIMS(I32, 2, 2),
                                      .status = ALM_STATUS_MODEL,
                                      .text = "triple"}};
    alm_op_cases list = good;
    list.cases = unknown;
    list.n_cases = 1;
    check_found(&list, "known result 9");
    list = good;
    list.bad = accepted;
    check_found(&list, "expected invalid_model");
    list.bad = other_text;
    check_found(&list, "with \"triple\"");
}

static uint32_t float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* Copies; a BF16 result is rounded, or cut off as a broken kernel does. */
static void narrow_rows(const alm_op_args *a, bool cut)
{
    const bool bf16 = a->out[0].desc.dtype == ALM_DTYPE_BF16;
    for (int64_t i = 0; i < alm_desc_count(&a->in[0].desc); i++) {
        const float value = ((const float *)a->in[0].data)[i];
        const float kept = cut ? alm_bf16_to_f32((alm_bf16)(float_bits(value) >> 16)) : value;
        alm_value_store(bf16, a->out[0].data, i, bf16 ? kept : value);
    }
}

static alm_status narrow_ref(const alm_exec *x, const alm_op_args *a)
{
    (void)x;
    narrow_rows(a, false);
    return ALM_OK;
}

static alm_status narrow_cut(const alm_exec *x, const alm_op_args *a)
{
    (void)x;
    narrow_rows(a, true);
    return ALM_OK;
}

ALM_TEST(op_test, finds_bf16_results_that_are_cut_off)
{
    static const alm_op_case narrow_case = {
        .name = "narrow", .in = {{ALM_DIMS(F32, 20, 20)}}, .out_dtype = ALM_DTYPE_BF16};
    alm_kernel narrow[] = {{.name = "narrow_ref", .run = narrow_ref}, {.name = NULL}};
    alm_kernel cut[] = {{.name = "narrow_cut", .run = narrow_cut}, narrow[0], {.name = NULL}};
    alm_op_def op = doubling;
    op.kernels = narrow;
    alm_op_cases list = good;
    list.op = &op;
    list.cases = &narrow_case;
    list.n_cases = 1;
    list.c = 0;
    expected e = {.text = NULL};
    ALM_CHECK_INT(alm_op_test_report(&list, NULL, note, &e), 0);
    op.kernels = cut;
    check_found(&list, "narrow_cut, plain: output 0");
}

ALM_TEST(op_test, finds_kernels_that_no_case_runs)
{
    alm_kernel narrow[3];
    memcpy(narrow, kernels, sizeof narrow);
    narrow[0].accepts = is_wide;
    alm_op_def op = doubling;
    op.kernels = narrow;
    alm_op_cases list = good;
    list.op = &op;
    check_found(&list, "no case runs double_f32_broken");
}
