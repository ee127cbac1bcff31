/* The generic tester of operations (op_test.h): buffers with guards, the variants of a run, the
 * comparison with the reference. */
#include "tests/ops/op_test.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernels/core/memory.h"
#include "tests/ops/op_values.h"
#include "tests/shim/alm_test.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, n) ((void)(at), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(at, n) ((void)(at), (void)(n))
#endif

enum { GUARD = 256, MAX_THREADS = 3, MAX_ROWS_ALONE = 12, MAX_REPORTS = 20 };

static const double UNIT = 0x1p-24;

/* The rows in use of all outputs, packed. */
typedef struct result {
    int n;
    alm_desc desc[ALM_OP_TEST_OUTPUTS];
    int64_t rows[ALM_OP_TEST_OUTPUTS];
    void *data[ALM_OP_TEST_OUTPUTS];
} result;

/* One way to run a kernel. */
typedef struct variant {
    const char *name;
    const alm_kernel *kernel;
    void *const *values; /* packed elements of the inputs */
    alm_pool *pool;
    int64_t row; /* this row alone; -1: all */
    bool shifted, tight, in_place;
    uint8_t fill; /* of outputs and workspace */
} variant;

typedef struct tester {
    const alm_op_cases *cases;
    const alm_op_case *c;
    alm_op_report_fn *report;
    void *context;
    int reports;
    void *values[ALM_OP_TEST_INPUTS];
    alm_pool *pool[MAX_THREADS + 1];
} tester;

/* Bytes between guards; `before` is a copy of the whole block as it was before the run. */
typedef struct buffer {
    uint8_t *block, *before, *data;
    size_t total, bytes;
} buffer;

/* Everything that one run needs. */
typedef struct setup {
    alm_tensor in[ALM_OP_TEST_INPUTS], out[ALM_OP_TEST_OUTPUTS];
    int32_t count[ALM_OP_TEST_INPUTS];
    buffer in_buffer[ALM_OP_TEST_INPUTS], out_buffer[ALM_OP_TEST_OUTPUTS], workspace;
    alm_op_args args;
} setup;

static void complain(tester *t, const variant *v, const char *format, ...) ALM_PRINTF(3, 4);
static void complain(tester *t, const variant *v, const char *format, ...)
{
    char text[1024];
    int at = snprintf(text, sizeof text, "%s, case \"%s\"", t->cases->op->name,
                      t->c->name ? t->c->name : "?");
    if (v) {
        at += snprintf(text + at, sizeof text - (size_t)at, ", %s, %s", v->kernel->name, v->name);
    }
    at += snprintf(text + at, sizeof text - (size_t)at, ": ");
    va_list list;
    va_start(list, format);
    vsnprintf(text + at, sizeof text - (size_t)at, format, list);
    va_end(list);
    if (t->reports++ < MAX_REPORTS) {
        t->report(t->context, text);
    }
}

static int input_count(const alm_op_case *c)
{
    int n = 0;
    for (int i = 0; i < ALM_OP_TEST_INPUTS; i++) {
        n = c->in[i].desc.dtype != ALM_DTYPE_NONE ? i + 1 : n;
    }
    return c->n_in ? c->n_in : n;
}

static void *allocate(size_t bytes)
{
    void *block =
        aligned_alloc(ALM_ALIGNMENT, (bytes + 2 * ALM_ALIGNMENT) / ALM_ALIGNMENT * ALM_ALIGNMENT);
    if (!block) {
        fprintf(stderr, "op_test: out of memory: %zu bytes\n", bytes);
        exit(1);
    }
    return block;
}

static size_t packed_bytes(const alm_desc *desc)
{
    return (size_t)alm_desc_count(desc) * alm_dtype_size(desc->dtype);
}

/* The packed elements of every input, chosen once a case. */
static void make_values(tester *t)
{
    for (int i = 0; i < input_count(t->c); i++) {
        const alm_op_input *in = &t->c->in[i];
        if (in->desc.dtype == ALM_DTYPE_NONE) {
            continue;
        }
        const size_t bytes = packed_bytes(&in->desc);
        t->values[i] = allocate(bytes);
        if (in->data) {
            memcpy(t->values[i], in->data, bytes);
        } else if (in->fill) {
            in->fill(t->c, i, t->values, t->values[i]);
        } else {
            alm_test_fill(&in->desc, in->low, in->high, t->values[i]);
        }
    }
}

static void free_values(tester *t)
{
    for (int i = 0; i < ALM_OP_TEST_INPUTS; i++) {
        free(t->values[i]);
        t->values[i] = NULL;
    }
}

/* Guards are NaN in float32 and differ from place to place, so that copies of them are seen. */
static void buffer_create(buffer *b, size_t bytes, size_t shift)
{
    b->bytes = bytes;
    b->total = GUARD + shift + bytes + GUARD;
    b->block = allocate(b->total);
    b->before = allocate(b->total);
    b->data = b->block + GUARD + shift;
    for (size_t i = 0; i < b->total; i++) {
        const uint32_t word = 0xFFC00000u | (uint32_t)(i / 4 & 0xFFFF);
        b->block[i] = (uint8_t)(word >> 8 * (i % 4));
    }
}

/* Remembers the block and closes the guards for the sanitizer. */
static void buffer_arm(buffer *b)
{
    memcpy(b->before, b->block, b->total);
    ASAN_POISON_MEMORY_REGION(b->block, (size_t)(b->data - b->block));
    ASAN_POISON_MEMORY_REGION(b->data + b->bytes,
                              b->total - b->bytes - (size_t)(b->data - b->block));
}

static void buffer_disarm(buffer *b)
{
    if (b->block) {
        ASAN_UNPOISON_MEMORY_REGION(b->block, b->total);
    }
}

static void buffer_destroy(buffer *b)
{
    buffer_disarm(b);
    free(b->block);
    free(b->before);
}

static void poison(alm_dtype dtype, void *at, size_t bytes)
{
    memset(at, alm_test_is_float(dtype) ? 0xFF : 0x7F, bytes);
}

/* From the first element of the first row to the last of the last. */
static size_t extent(const alm_tensor *t)
{
    const int64_t rows = t->desc.dim[0];
    const int64_t n = rows < 1 ? 0 : (rows - 1) * t->stride + alm_desc_row(&t->desc);
    return (size_t)n * alm_dtype_size(t->desc.dtype);
}

/* Tensors of the inputs for a variant, without data. */
static void describe(const tester *t, const variant *v, setup *s)
{
    memset(s, 0, sizeof *s);
    s->args = (alm_op_args){.in = s->in,
                            .n_in = input_count(t->c),
                            .out = s->out,
                            .n_out = t->cases->op->out_count,
                            .attr = t->c->attr};
    for (int i = 0; i < s->args.n_in; i++) {
        const alm_op_input *in = &t->c->in[i];
        alm_tensor *tensor = &s->in[i];
        tensor->desc = in->desc;
        if (in->desc.dtype == ALM_DTYPE_NONE) {
            continue;
        }
        tensor->stride = in->stride ? in->stride : alm_desc_row(&in->desc);
        s->count[i] = in->rows < 0 ? 0 : in->rows;
        if (v->row >= 0 && (t->cases->row_inputs >> i & 1)) {
            tensor->desc.dim[0] = 1;
        } else if (in->rows != 0 && v->tight) {
            tensor->desc.dim[0] = s->count[i];
        }
    }
}

/* The count of input i in a variant: NULL when all rows are in use. */
static const int32_t *count_of(const tester *t, const variant *v, const setup *s, int i)
{
    const bool cut = v->tight || (v->row >= 0 && (t->cases->row_inputs >> i & 1));
    return t->c->in[i].rows == 0 || cut ? NULL : &s->count[i];
}

/* What the graph does: the number of inputs, check() and infer(), which see inputs only. Makes the
 * outputs of s. */
static alm_status describe_outputs(const tester *t, setup *s)
{
    const alm_op_def *op = t->cases->op;
    alm_op_args args = s->args;
    args.out = NULL;
    args.n_out = 0;
    alm_desc desc[ALM_OP_TEST_OUTPUTS] = {{.rank = 0}};
    if (args.n_in < op->in_min || args.n_in > op->in_max) {
        return alm_fail(ALM_STATUS_INTERNAL, "%s: takes %d to %d inputs, not %d", op->name,
                        op->in_min, op->in_max, args.n_in);
    }
    ALM_TRY(op->check(&args));
    ALM_TRY(op->infer(&args, desc));
    for (int i = 0; i < s->args.n_out; i++) {
        s->out[i].desc = desc[i];
        s->out[i].stride = t->c->out_stride[i] ? t->c->out_stride[i] : alm_desc_row(&desc[i]);
    }
    return ALM_OK;
}

static void fill_input(const tester *t, const variant *v, setup *s, int i)
{
    alm_tensor *tensor = &s->in[i];
    const alm_dtype dtype = tensor->desc.dtype;
    const size_t size = alm_dtype_size(dtype);
    const size_t row = (size_t)alm_desc_row(&tensor->desc) * size;
    buffer_create(&s->in_buffer[i], extent(tensor), v->shifted ? size : 0);
    tensor->data = s->in_buffer[i].data;
    tensor->count = count_of(t, v, s, i);
    poison(dtype, tensor->data, s->in_buffer[i].bytes);
    const int64_t first = v->row >= 0 && (t->cases->row_inputs >> i & 1) ? v->row : 0;
    for (int64_t r = 0; r < alm_rows(tensor); r++) {
        memcpy((uint8_t *)tensor->data + (size_t)(r * tensor->stride) * size,
               (const uint8_t *)v->values[i] + (size_t)(first + r) * row, row);
    }
}

static void make_output(const tester *t, const variant *v, setup *s, int o)
{
    const int from = t->cases->op->count_from, in_place = t->cases->op->in_place;
    alm_tensor *out = &s->out[o];
    const size_t size = alm_dtype_size(out->desc.dtype);
    if (from >= 0 && from < s->args.n_in) {
        out->count = s->in[from].count;
    }
    if (o == 0 && v->in_place) {
        out->data = s->in[in_place].data;
        return;
    }
    buffer_create(&s->out_buffer[o], extent(out), v->shifted ? size : 0);
    memset(s->out_buffer[o].data, v->fill, s->out_buffer[o].bytes);
    out->data = s->out_buffer[o].data;
}

/* Whether bytes outside of the rows of `written` (NULL: any byte) changed. */
static bool is_touched(const buffer *b, const alm_tensor *written)
{
    if (!written) {
        return memcmp(b->block, b->before, b->total) != 0;
    }
    const size_t size = alm_dtype_size(written->desc.dtype);
    const size_t row = (size_t)alm_desc_row(&written->desc) * size;
    for (int64_t r = 0; r < written->desc.dim[0]; r++) {
        const size_t at = (size_t)(b->data - b->block) + (size_t)(r * written->stride) * size;
        memcpy(b->before + at, b->block + at, row);
    }
    return memcmp(b->block, b->before, b->total) != 0;
}

static void check_buffers(tester *t, const variant *v, setup *s)
{
    for (int i = 0; i < s->args.n_in; i++) {
        const bool written = v->in_place && i == t->cases->op->in_place;
        if (s->in_buffer[i].block && is_touched(&s->in_buffer[i], written ? &s->out[0] : NULL)) {
            complain(t, v, "input %d, its gaps or its guards changed", i);
        }
    }
    for (int o = 0; o < s->args.n_out; o++) {
        if (s->out_buffer[o].block && is_touched(&s->out_buffer[o], &s->out[o])) {
            complain(t, v, "written outside of the rows of output %d", o);
        }
    }
    memcpy(s->workspace.before + (s->workspace.data - s->workspace.block), s->workspace.data,
           s->workspace.bytes);
    if (is_touched(&s->workspace, NULL)) {
        complain(t, v, "written outside of the workspace of %zu bytes", s->workspace.bytes);
    }
}

static void take_result(const setup *s, result *out)
{
    out->n = s->args.n_out;
    for (int o = 0; o < out->n; o++) {
        const alm_tensor *tensor = &s->out[o];
        const size_t size = alm_dtype_size(tensor->desc.dtype);
        const size_t row = (size_t)alm_desc_row(&tensor->desc) * size;
        out->desc[o] = tensor->desc;
        out->rows[o] = alm_rows(tensor);
        out->data[o] = allocate((size_t)out->rows[o] * row);
        for (int64_t r = 0; r < out->rows[o]; r++) {
            memcpy((uint8_t *)out->data[o] + (size_t)r * row,
                   (const uint8_t *)tensor->data + (size_t)(r * tensor->stride) * size, row);
        }
    }
}

static void result_destroy(result *r)
{
    for (int o = 0; o < r->n; o++) {
        free(r->data[o]);
    }
    memset(r, 0, sizeof *r);
}

static void setup_destroy(setup *s)
{
    for (int i = 0; i < ALM_OP_TEST_INPUTS; i++) {
        buffer_destroy(&s->in_buffer[i]);
    }
    for (int o = 0; o < ALM_OP_TEST_OUTPUTS; o++) {
        buffer_destroy(&s->out_buffer[o]);
    }
    buffer_destroy(&s->workspace);
}

static void arm(setup *s, void (*each)(buffer *))
{
    for (int i = 0; i < s->args.n_in; i++) {
        if (s->in_buffer[i].block) {
            each(&s->in_buffer[i]);
        }
    }
    for (int o = 0; o < s->args.n_out; o++) {
        if (s->out_buffer[o].block) {
            each(&s->out_buffer[o]);
        }
    }
    each(&s->workspace);
}

/* Runs the described setup: buffers, guards, the allocation guard. */
static bool execute(tester *t, const variant *v, setup *s)
{
    const alm_exec exec = {.pool = v->pool};
    const alm_device device = {.backend = ALM_BACKEND_CPU,
                               .arch = alm_cpu_arch(),
                               .threads = v->pool ? alm_pool_threads(v->pool) : 1};
    for (int i = 0; i < s->args.n_in; i++) {
        if (s->in[i].desc.dtype != ALM_DTYPE_NONE) {
            fill_input(t, v, s, i);
        }
    }
    for (int o = 0; o < s->args.n_out; o++) {
        make_output(t, v, s, o);
    }
    buffer_create(&s->workspace, v->kernel->workspace ? v->kernel->workspace(&s->args, &device) : 0,
                  0);
    memset(s->workspace.data, v->fill, s->workspace.bytes);
    s->args.workspace = s->workspace.data;
    const uint64_t violations = alm_guard_violations();
    arm(s, buffer_arm);
    alm_guard_begin();
    const alm_status status = v->kernel->run(&exec, &s->args);
    alm_guard_end();
    arm(s, buffer_disarm);
    if (status != t->c->refused ||
        (status != ALM_OK && !strstr(alm_error_message(), t->c->refused_text))) {
        complain(t, v, "%s: %s", alm_status_name(status), alm_error_message());
    }
    if (status != ALM_OK) {
        return false;
    }
    if (alm_guard_violations() != violations) {
        complain(t, v, "allocates");
    }
    check_buffers(t, v, s);
    return true;
}

/* Runs a variant; false when it could not be run. *out is owned by the caller. */
static bool run(tester *t, const variant *v, result *out)
{
    setup s;
    memset(out, 0, sizeof *out);
    describe(t, v, &s);
    const alm_status status = describe_outputs(t, &s);
    bool ok = status == ALM_OK;
    if (!ok && !v->tight) {
        complain(t, v, "check: %s: %s", alm_status_name(status), alm_error_message());
    }
    if (ok && v->kernel->accepts && !v->kernel->accepts(&s.args)) {
        ok = false;
    }
    ok = ok && execute(t, v, &s);
    if (ok) {
        take_result(&s, out);
    }
    setup_destroy(&s);
    return ok;
}

/* Bits of rows [first, first + n of b) of a. */
static void check_same_bits(tester *t, const variant *v, const result *a, int64_t first,
                            const result *b)
{
    for (int o = 0; o < b->n; o++) {
        const size_t row = (size_t)alm_desc_row(&b->desc[o]) * alm_dtype_size(b->desc[o].dtype);
        if (alm_desc_row(&a->desc[o]) != alm_desc_row(&b->desc[o]) ||
            first + b->rows[o] > a->rows[o] ||
            (first == 0 && v->row < 0 && a->rows[o] != b->rows[o])) {
            complain(t, v, "output %d has another shape", o);
            continue;
        }
        const uint8_t *x = (const uint8_t *)a->data[o] + (size_t)first * row, *y = b->data[o];
        const size_t n = (size_t)b->rows[o] * row, size = alm_dtype_size(b->desc[o].dtype);
        for (size_t i = 0; i < n; i += size) {
            if (memcmp(x + i, y + i, size) != 0) {
                const int64_t at = (int64_t)(i / size);
                complain(t, v, "output %d, row %lld, element %lld: %.9g, other bits than %.9g", o,
                         (long long)(first + (int64_t)(i / row)),
                         (long long)((int64_t)(i % row / size)),
                         alm_test_number(b->desc[o].dtype, y, at),
                         alm_test_number(b->desc[o].dtype, x, at));
                break;
            }
        }
    }
}

/* The values of the inputs without their signs. */
static void absolute_magnitude(tester *t, const alm_kernel *reference, int output, double *m)
{
    void *values[ALM_OP_TEST_INPUTS] = {NULL};
    for (int i = 0; i < input_count(t->c); i++) {
        const alm_desc *desc = &t->c->in[i].desc;
        if (desc->dtype == ALM_DTYPE_NONE) {
            continue;
        }
        values[i] = allocate(packed_bytes(desc));
        memcpy(values[i], t->values[i], packed_bytes(desc));
        for (int64_t e = 0; alm_test_is_float(desc->dtype) && e < alm_desc_count(desc); e++) {
            alm_test_store(desc->dtype, values[i], e,
                           fabs(alm_test_number(desc->dtype, values[i], e)));
        }
    }
    const variant v = {
        .name = "absolute values", .kernel = reference, .values = values, .row = -1, .fill = 0xFF};
    result r;
    if (run(t, &v, &r)) {
        for (int64_t e = 0; e < r.rows[output] * alm_desc_row(&r.desc[output]); e++) {
            m[e] = alm_test_number(r.desc[output].dtype, r.data[output], e);
        }
    }
    result_destroy(&r);
    for (int i = 0; i < ALM_OP_TEST_INPUTS; i++) {
        free(values[i]);
    }
}

/* The arguments of the reference run, packed or not as the case says, with its results. */
static void given_magnitude(tester *t, const variant *v, const result *want, int output, double *m,
                            double *c)
{
    setup s;
    describe(t, v, &s);
    if (describe_outputs(t, &s) != ALM_OK || !execute(t, v, &s)) {
        complain(t, v, "the arguments for the error bound could not be made");
    } else {
        *c = t->cases->c_of ? t->cases->c_of(&s.args) : *c;
        if (t->cases->magnitude && alm_test_is_float(want->desc[output].dtype)) {
            t->cases->magnitude(&s.args, output, m);
        }
    }
    setup_destroy(&s);
}

/* Allowed error of each element of an output; free() it. */
static double *make_limits(tester *t, const variant *v, const result *want, int o)
{
    const int64_t n = want->rows[o] * alm_desc_row(&want->desc[o]);
    double *limit = allocate((size_t)n * sizeof *limit), c = t->cases->c;
    for (int64_t i = 0; i < n; i++) {
        limit[i] = fabs(alm_test_number(want->desc[o].dtype, want->data[o], i));
    }
    if (t->cases->absolute && alm_test_is_float(want->desc[o].dtype)) {
        absolute_magnitude(t, v->kernel, o, limit);
    }
    if (t->cases->magnitude || t->cases->c_of) {
        given_magnitude(t, v, want, o, limit, &c);
    }
    for (int64_t i = 0; i < n; i++) {
        const double value = fabs(alm_test_number(want->desc[o].dtype, want->data[o], i));
        limit[i] =
            alm_test_is_float(want->desc[o].dtype) ? c * UNIT * limit[i] + 2 * UNIT * value : 0;
    }
    return limit;
}

static void check_close(tester *t, const variant *v, const result *want, const result *got,
                        double *const *limit)
{
    for (int o = 0; o < want->n; o++) {
        const int64_t row = alm_desc_row(&want->desc[o]);
        for (int64_t i = 0; i < want->rows[o] * row; i++) {
            const double a = alm_test_number(want->desc[o].dtype, want->data[o], i);
            const double b = alm_test_number(got->desc[o].dtype, got->data[o], i);
            if (!(fabs(b - a) <= limit[o][i])) {
                complain(t, v, "output %d, row %lld, element %lld: %.9g, expected %.9g within %.3g",
                         o, (long long)(i / row), (long long)(i % row), b, a, limit[o][i]);
                break;
            }
        }
    }
}

static void check_expected(tester *t, const variant *v, const result *got)
{
    for (int o = 0; o < got->n; o++) {
        const int64_t n = got->rows[o] * alm_desc_row(&got->desc[o]);
        for (int64_t i = 0; t->c->expect[o] && i < n; i++) {
            const double a = alm_test_number(got->desc[o].dtype, t->c->expect[o], i);
            const double b = alm_test_number(got->desc[o].dtype, got->data[o], i);
            const double within =
                alm_test_is_float(got->desc[o].dtype) ? t->c->expect_within * (1 + fabs(a)) : 0;
            if (!(fabs(b - a) <= within)) {
                complain(t, v, "output %d, element %lld: %.9g, known result %.9g within %.3g", o,
                         (long long)i, b, a, within);
                break;
            }
        }
    }
}

/* In place is possible when the input is there, has the shape of the output, and its strides. */
static bool can_run_in_place(const tester *t, const variant *v)
{
    const int i = t->cases->op->in_place;
    setup s;
    describe(t, v, &s);
    return i >= 0 && i < s.args.n_in && alm_present(&s.in[i]) &&
           describe_outputs(t, &s) == ALM_OK && alm_desc_equal(&s.in[i].desc, &s.out[0].desc) &&
           s.in[i].stride == s.out[0].stride;
}

static void run_same(tester *t, variant v, const result *base)
{
    result r;
    if (run(t, &v, &r)) {
        check_same_bits(t, &v, base, v.row < 0 ? 0 : v.row, &r);
    }
    result_destroy(&r);
}

static void run_rows_alone(tester *t, variant v, const result *base)
{
    const int64_t n = base->rows[0];
    v.name = "a row alone";
    for (int64_t i = 0; i < n && i < MAX_ROWS_ALONE; i++) {
        /* The first and last rows, and some between them. */
        v.row = n <= MAX_ROWS_ALONE ? i : i * (n - 1) / (MAX_ROWS_ALONE - 1);
        run_same(t, v, base);
    }
}

/* Every way to run a kernel that must give the same bits. */
static void run_variants(tester *t, const variant *first, const result *base)
{
    static const char *const threads[] = {"1 thread", "2 threads", "3 threads"};
    variant v = *first;
    v.name = "second run";
    v.fill = 0x7F;
    run_same(t, v, base);
    for (int n = 1; n <= MAX_THREADS; n++) {
        v = *first;
        v.name = threads[n - 1];
        v.pool = t->pool[n];
        run_same(t, v, base);
    }
    v = *first;
    v.name = "unaligned buffers";
    v.shifted = true;
    run_same(t, v, base);
    v = *first;
    v.name = "capacity cut to the rows in use";
    v.tight = true;
    run_same(t, v, base);
    v = *first;
    v.name = "in place";
    v.in_place = can_run_in_place(t, &v);
    if (v.in_place) {
        run_same(t, v, base);
    }
    if (t->cases->row_inputs) {
        run_rows_alone(t, *first, base);
    }
}

/* Runs the case with all kernels; sets bit k of *used for kernel k of the list. */
static void run_case(tester *t, const alm_kernel *reference, uint32_t *used)
{
    variant v = {
        .name = "plain", .kernel = reference, .values = t->values, .row = -1, .fill = 0x5A};
    double *limit[ALM_OP_TEST_OUTPUTS] = {NULL};
    result want = {.n = 0}, got;
    make_values(t);
    for (const alm_kernel *k = t->cases->op->kernels; t->c->refused != ALM_OK && k->name; k++) {
        v.kernel = k;
        if (k->backend == ALM_BACKEND_CPU && k->min_arch <= alm_cpu_arch()) {
            (void)run(t, &v, &got);
        }
    }
    v.kernel = reference;
    if (t->c->refused == ALM_OK && run(t, &v, &want)) {
        check_expected(t, &v, &want);
        for (int o = 0; o < want.n; o++) {
            limit[o] = make_limits(t, &v, &want, o);
        }
        v.fill = 0xFF;
        for (const alm_kernel *k = t->cases->op->kernels; k->name; k++) {
            v.kernel = k;
            if (k->backend == ALM_BACKEND_CPU && k->min_arch <= alm_cpu_arch() &&
                run(t, &v, &got)) {
                *used |= 1u << (k - t->cases->op->kernels);
                check_close(t, &v, &want, &got, limit);
                run_variants(t, &v, &got);
                result_destroy(&got);
            }
        }
    }
    for (int o = 0; o < ALM_OP_TEST_OUTPUTS; o++) {
        free(limit[o]);
    }
    result_destroy(&want);
    free_values(t);
}

static void run_bad(tester *t, const alm_op_bad *bad)
{
    alm_op_case c = t->cases->cases[bad->base];
    c.name = bad->name;
    alm_op_input *in = &c.in[bad->input];
    in->desc = bad->desc.rank ? bad->desc : in->desc;
    in->stride = bad->stride ? bad->stride : in->stride;
    c.n_in = bad->n_in ? bad->n_in : input_count(&c);
    if (bad->absent) {
        in->desc = (alm_desc){.dtype = ALM_DTYPE_NONE};
    }
    c.attr = bad->attr ? bad->attr : c.attr;
    t->c = &c;
    const variant v = {.row = -1};
    setup s;
    describe(t, &v, &s);
    alm_error_clear();
    const alm_status status = describe_outputs(t, &s);
    if (status != bad->status || !strstr(alm_error_message(), bad->text)) {
        complain(t, NULL, "%s \"%s\", expected %s with \"%s\"", alm_status_name(status),
                 alm_error_message(), alm_status_name(bad->status), bad->text);
    }
}

/* A kernel that this machine runs and no case reached is not tested. */
static void check_used(tester *t, uint32_t used)
{
    static const alm_op_case all = {.name = "all"};
    t->c = &all;
    for (const alm_kernel *k = t->cases->op->kernels; k->name; k++) {
        if (k->backend == ALM_BACKEND_CPU && k->min_arch <= alm_cpu_arch() &&
            !(used >> (k - t->cases->op->kernels) & 1)) {
            complain(t, NULL, "no case runs %s", k->name);
        }
    }
}

int alm_op_test_report(const alm_op_cases *cases, alm_op_report_fn *report, void *context)
{
    tester t = {.cases = cases, .report = report, .context = context};
    const alm_kernel *reference = NULL;
    for (const alm_kernel *k = cases->op->kernels; k->name; k++) {
        reference = k->backend == ALM_BACKEND_CPU ? k : reference;
    }
    for (int n = 1; n <= MAX_THREADS; n++) {
        if (alm_pool_create(n, &t.pool[n]) != ALM_OK) {
            report(context, alm_error_message());
            return 1;
        }
    }
    uint32_t used = 0;
    for (int i = 0; reference && i < cases->n_cases; i++) {
        t.c = &cases->cases[i];
        run_case(&t, reference, &used);
    }
    for (int i = 0; reference && cases->make; i++) {
        alm_op_case c = {.name = NULL};
        if (!cases->make(i, &c)) {
            break;
        }
        t.c = &c;
        run_case(&t, reference, &used);
    }
    for (int i = 0; i < cases->n_bad; i++) {
        run_bad(&t, &cases->bad[i]);
    }
    check_used(&t, used);
    for (int n = 1; n <= MAX_THREADS; n++) {
        alm_pool_destroy(t.pool[n]);
    }
    return t.reports;
}

static void report_failure(void *context, const char *text)
{
    (void)context;
    ALM_FAIL("%s", text);
}

void alm_op_test(const alm_op_cases *cases)
{
    (void)alm_op_test_report(cases, report_failure, NULL);
}
