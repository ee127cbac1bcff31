/* The generic tester of operations (op_test.h): buffers with guards, the variants of a run, the
 * comparison with the reference. */
#include "tests/ops/op_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "kernels/core/memory.h"
#include "tests/ops/op_compare.h"
#include "tests/ops/op_values.h"
#include "tests/shim/alm_test.h"

enum { MAX_THREADS = OP_TEST_MAX_THREADS, MAX_ROWS_ALONE = 12, MAX_ROWS_ALONE_ON_DEVICE = 4 };

/* Rounding to nearest moves a float32 and a BF16 number by at most this part of it. */
static const double UNIT = 0x1p-24, BF16_UNIT = 0x1p-8;

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int input_count(const alm_op_case *c)
{
    int n = 0;
    for (int i = 0; i < ALM_OP_TEST_INPUTS; i++) {
        n = c->in[i].desc.dtype != ALM_DTYPE_NONE ? i + 1 : n;
    }
    return c->n_in ? c->n_in : n;
}

static size_t packed_bytes(const alm_desc *desc)
{
    return (size_t)alm_desc_count(desc) * alm_dtype_size(desc->dtype);
}

/* The packed elements of every input, chosen once a case. */
static void make_values(const tester *t, void **values)
{
    for (int i = 0; i < input_count(t->c); i++) {
        const alm_op_input *in = &t->c->in[i];
        if (in->desc.dtype == ALM_DTYPE_NONE) {
            continue;
        }
        const size_t bytes = packed_bytes(&in->desc);
        values[i] = op_allocate(bytes);
        if (in->data) {
            memcpy(values[i], in->data, bytes);
        } else if (in->fill) {
            in->fill(t->c, i, values, values[i]);
        } else {
            alm_test_fill(&in->desc, in->low, in->high, values[i]);
        }
    }
}

static void free_values(void **values)
{
    for (int i = 0; i < ALM_OP_TEST_INPUTS; i++) {
        free(values[i]);
        values[i] = NULL;
    }
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
    s->out[0].desc.dtype = v->inferred ? ALM_DTYPE_NONE : t->c->out_dtype;
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
        const alm_dtype wanted = s->out[i].desc.dtype;
        s->out[i].desc = desc[i];
        s->out[i].desc.dtype = wanted != ALM_DTYPE_NONE ? wanted : desc[i].dtype;
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
    op_buffer_create(&s->in_buffer[i], extent(tensor), v->shifted ? size : 0);
    tensor->data = s->in_buffer[i].data;
    tensor->count = count_of(t, v, s, i);
    op_poison(dtype, tensor->data, s->in_buffer[i].bytes);
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
    op_buffer_create(&s->out_buffer[o], extent(out), v->shifted ? size : 0);
    memset(s->out_buffer[o].data, v->fill, s->out_buffer[o].bytes);
    out->data = s->out_buffer[o].data;
}

static void check_buffers(tester *t, const variant *v, setup *s)
{
    for (int i = 0; i < s->args.n_in; i++) {
        const bool written = v->in_place && i == t->cases->op->in_place;
        if (s->in_buffer[i].block &&
            op_buffer_is_touched(&s->in_buffer[i], written ? &s->out[0] : NULL)) {
            complain(t, v, "input %d, its gaps or its guards changed", i);
        }
    }
    for (int o = 0; o < s->args.n_out; o++) {
        if (s->out_buffer[o].block && op_buffer_is_touched(&s->out_buffer[o], &s->out[o])) {
            complain(t, v, "written outside of the rows of output %d", o);
        }
    }
    memcpy(s->workspace.before + (s->workspace.data - s->workspace.block), s->workspace.data,
           s->workspace.bytes);
    if (op_buffer_is_touched(&s->workspace, NULL)) {
        complain(t, v, "written outside of the workspace of %zu bytes", s->workspace.bytes);
    }
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

/* Buffers and their first contents. */
static void prepare(const tester *t, const variant *v, setup *s)
{
    const alm_device cpu = {.backend = ALM_BACKEND_CPU,
                            .arch = alm_cpu_arch(),
                            .threads = v->pool ? alm_pool_threads(v->pool) : 1};
    const alm_device *device = v->kernel->backend == ALM_BACKEND_CPU ? &cpu : &t->device->device;
    for (int i = 0; i < s->args.n_in; i++) {
        if (s->in[i].desc.dtype != ALM_DTYPE_NONE) {
            fill_input(t, v, s, i);
        }
    }
    for (int o = 0; o < s->args.n_out; o++) {
        make_output(t, v, s, o);
    }
    op_buffer_create(&s->workspace,
                     v->kernel->workspace ? v->kernel->workspace(&s->args, device) : 0, 0);
    memset(s->workspace.data, v->fill, s->workspace.bytes);
    s->args.workspace = s->workspace.data;
}

/* Runs what is prepared, on the CPU. */
static alm_status execute_on_cpu(const variant *v, setup *s)
{
    const alm_exec exec = {.pool = v->pool};
    arm(s, op_buffer_arm);
    alm_guard_begin();
    const alm_status status = v->kernel->run(&exec, &s->args);
    alm_guard_end();
    arm(s, op_buffer_disarm);
    return status;
}

/* On the device; `other` (may be NULL) is the other node of run_pair(). A kernel cannot refuse data
 * with a status: it reports a fault. */
static alm_status execute_on_device(tester *t, const variant *v, setup *s, setup *other)
{
    setup *const both[] = {s, other};
    int32_t fault = 0;
    for (int i = 0; i < 2 && both[i]; i++) {
        arm(both[i], op_buffer_arm);
        arm(both[i], op_buffer_disarm);
    }
    alm_guard_begin();
    const alm_status status = t->device->run(t->device, v, both, other ? 2 : 1, &fault);
    alm_guard_end();
    if (status != ALM_OK || fault == 0) {
        return status;
    }
    if (fault != ALM_OP_TEST_FAULT) {
        complain(t, v, "reported fault %d, expected %d", fault, ALM_OP_TEST_FAULT);
    }
    return alm_fail(t->c->refused ? t->c->refused : ALM_STATUS_INTERNAL, "a fault was reported%s%s",
                    t->c->refused ? ", as it should be for: " : "",
                    t->c->refused ? t->c->refused_text : "");
}

/* Runs what is prepared and looks at everything but the results. */
static bool execute(tester *t, const variant *v, setup *s, setup *other)
{
    const uint64_t violations = alm_guard_violations();
    const alm_status status = v->kernel->backend == ALM_BACKEND_CPU
                                  ? execute_on_cpu(v, s)
                                  : execute_on_device(t, v, s, other);
    if (status != t->c->refused ||
        (status != ALM_OK && !strstr(alm_error_message(), t->c->refused_text))) {
        complain(t, v, "%s: %s", alm_status_name(status), alm_error_message());
    }
    if (alm_guard_violations() != violations) {
        complain(t, v, "allocates");
    }
    if (status == ALM_OK || v->kernel->backend == ALM_BACKEND_CUDA) {
        check_buffers(t, v, s);
    }
    if (other) {
        check_buffers(t, v, other);
    }
    return status == ALM_OK;
}

/* The arguments of a variant; false when its kernel does not take them. */
static bool make_setup(tester *t, const variant *v, setup *s)
{
    describe(t, v, s);
    const alm_status status = describe_outputs(t, s);
    if (status != ALM_OK && !v->tight) {
        complain(t, v, "check: %s: %s", alm_status_name(status), alm_error_message());
    }
    return status == ALM_OK && !(v->kernel->accepts && !v->kernel->accepts(&s->args));
}

/* Runs a variant; false when it could not be run. *out is owned by the caller. */
static bool run(tester *t, const variant *v, result *out)
{
    setup s;
    memset(out, 0, sizeof *out);
    bool ok = make_setup(t, v, &s);
    if (ok) {
        prepare(t, v, &s);
        ok = execute(t, v, &s, NULL);
    }
    if (ok) {
        take_result(&s, out);
    }
    op_setup_destroy(&s);
    return ok;
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
        values[i] = op_allocate(packed_bytes(desc));
        memcpy(values[i], t->values[i], packed_bytes(desc));
        for (int64_t e = 0; alm_test_is_float(desc->dtype) && e < alm_desc_count(desc); e++) {
            alm_test_store(desc->dtype, values[i], e,
                           fabs(alm_test_number(desc->dtype, values[i], e)));
        }
    }
    const variant v = {.name = "absolute values",
                       .kernel = reference,
                       .values = values,
                       .row = -1,
                       .inferred = true,
                       .fill = 0xFF};
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
    bool ok = describe_outputs(t, &s) == ALM_OK;
    if (ok) {
        prepare(t, v, &s);
        ok = execute(t, v, &s, NULL);
    }
    if (!ok) {
        complain(t, v, "the arguments for the error bound could not be made");
    } else {
        *c = t->cases->c_of ? t->cases->c_of(&s.args) : *c;
        if (t->cases->magnitude && alm_test_is_float(want->desc[output].dtype)) {
            t->cases->magnitude(&s.args, output, m);
        }
    }
    op_setup_destroy(&s);
}

/* Roundings to BF16 between the results that are compared: one in both of them where the operation
 * gives BF16 itself, unless it only copies; one where the case narrows output 0. */
static int narrowings(const tester *t, const result *want, int o, double c)
{
    const bool given = want->desc[o].dtype == ALM_DTYPE_BF16 && c > 0;
    return given ? 2 : o == 0 && t->c->out_dtype == ALM_DTYPE_BF16;
}

/* Allowed error of each element of an output; free() it. */
static double *make_limits(tester *t, const variant *v, const result *want, int o)
{
    const int64_t n = want->rows[o] * alm_desc_row(&want->desc[o]);
    double *limit = op_allocate((size_t)n * sizeof *limit);
    double c = t->cases->c;
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
        limit[i] += narrowings(t, want, o, c) * BF16_UNIT * (value + limit[i]);
    }
    return limit;
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
    const int64_t n = base->rows[0], most = t->device ? MAX_ROWS_ALONE_ON_DEVICE : MAX_ROWS_ALONE;
    v.name = "a row alone";
    for (int64_t i = 0; i < n && i < most; i++) {
        /* The first and last rows, and some between them. */
        v.row = n <= most ? i : i * (n - 1) / (most - 1);
        run_same(t, v, base);
    }
}

/* Whether the count of an input is less than its capacity: nothing to cut otherwise. */
static bool has_unused_rows(const tester *t)
{
    for (int i = 0; i < input_count(t->c); i++) {
        if (t->c->in[i].rows != 0) {
            return true;
        }
    }
    return false;
}

/* Set where every run is slow and looks at memory, not at bits (cuda_shim/modes.sh). */
static bool few_runs(void)
{
    return getenv("ASSEMLM_TEST_FEW_RUNS") != NULL;
}

/* Two nodes in one launch give what each of them gives alone. */
static void run_pair(tester *t, const variant *first, const result *base)
{
    void *values[ALM_OP_TEST_INPUTS] = {NULL};
    variant v = *first, w = *first;
    setup a, b;
    result alone, one, two;
    v.name = w.name = "in a pair";
    make_values(t, values);
    w.values = values;
    if (run(t, &w, &alone)) {
        (void)make_setup(t, &v, &a); /* was accepted before */
        (void)make_setup(t, &w, &b);
        prepare(t, &v, &a);
        prepare(t, &w, &b);
        if (execute(t, &v, &a, &b)) {
            take_result(&a, &one);
            take_result(&b, &two);
            check_same_bits(t, &v, base, 0, &one);
            check_same_bits(t, &w, &alone, 0, &two);
            result_destroy(&one);
            result_destroy(&two);
        }
        op_setup_destroy(&a);
        op_setup_destroy(&b);
    }
    result_destroy(&alone);
    free_values(values);
}

/* With 1, 2 and 3 threads. */
static void run_threads(tester *t, const variant *first, const result *base)
{
    static const char *const threads[] = {"1 thread", "2 threads", "3 threads"};
    for (int n = 1; n <= MAX_THREADS; n++) {
        variant v = *first;
        v.name = threads[n - 1];
        v.pool = t->pool[n];
        run_same(t, v, base);
    }
}

/* What only a device can do. */
static void run_device_variants(tester *t, const variant *first, const result *base)
{
    variant v = *first;
    v.name = "fresh memory";
    v.fresh = true;
    run_same(t, v, base);
    if (!few_runs()) {
        v = *first;
        v.name = "overlapping launches";
        v.overlap = true;
        run_same(t, v, base);
    }
    if (first->kernel->run_pair && !first->kernel->is_trial) {
        v = *first;
        v.fresh = few_runs();
        run_pair(t, &v, base);
    }
}

/* Every way to run a kernel that must give the same bits. */
static void run_variants(tester *t, const variant *first, const result *base)
{
    variant v = *first;
    v.name = "second run";
    v.fill = 0x7F;
    if (!few_runs()) {
        run_same(t, v, base);
    }
    if (t->device) {
        run_device_variants(t, first, base);
    } else {
        run_threads(t, first, base);
    }
    v = *first;
    v.name = "unaligned buffers";
    v.shifted = true;
    if (!first->kernel->is_trial) {
        run_same(t, v, base);
    }
    v = *first;
    v.name = "capacity cut to the rows in use";
    v.tight = true;
    if (has_unused_rows(t) || !t->device) {
        run_same(t, v, base);
    }
    v = *first;
    v.name = "in place";
    v.in_place = can_run_in_place(t, &v);
    if (v.in_place) {
        run_same(t, v, base);
    }
    if (t->cases->row_inputs && !few_runs()) {
        run_rows_alone(t, *first, base);
    }
}

/* The kernels under test, a nameless one last. */
static const alm_kernel *kernels_of(const tester *t)
{
    return t->device ? t->device->device.kernels(t->cases->op) : t->cases->op->kernels;
}

/* Kernels of libraries are compared in bench/, each with ours. Those on trial, which may hang, take
 * part when they are asked for (tools/gpu_check). */
static bool runs_here(const tester *t, const alm_kernel *k)
{
    return t->device ? k->backend == ALM_BACKEND_CUDA && !k->is_foreign &&
                           (!k->is_trial || getenv("ASSEMLM_TEST_HOPPER")) &&
                           k->min_arch <= t->device->device.arch &&
                           (k->max_arch == 0 || k->max_arch >= t->device->device.arch)
                     : k->backend == ALM_BACKEND_CPU && k->min_arch <= alm_cpu_arch();
}

/* Compares all kernels with the reference; sets bit k of *used for kernel k of the list. */
static void compare_kernels(tester *t, variant v, const result *want, uint32_t *used)
{
    double *limit[ALM_OP_TEST_OUTPUTS] = {NULL};
    result got;
    for (int o = 0; o < want->n; o++) {
        limit[o] = make_limits(t, &v, want, o);
    }
    v.inferred = false;
    v.fill = 0xFF;
    for (const alm_kernel *k = kernels_of(t); k->name; k++) {
        v.kernel = k;
        if (runs_here(t, k) && run(t, &v, &got)) {
            *used |= 1u << (k - kernels_of(t));
            check_close(t, &v, want, &got, limit);
            run_variants(t, &v, &got);
            result_destroy(&got);
            if (k->is_trial) {
                variant other = v;
                other.name = "unaligned buffers, by the other kernel";
                other.shifted = true;
                if (run(t, &other, &got)) {
                    check_close(t, &other, want, &got, limit);
                    result_destroy(&got);
                }
            }
        }
    }
    for (int o = 0; o < ALM_OP_TEST_OUTPUTS; o++) {
        free(limit[o]);
    }
}

static void run_case(tester *t, const alm_kernel *reference, uint32_t *used)
{
    variant v = {
        .name = "plain", .kernel = reference, .values = t->values, .row = -1, .fill = 0x5A};
    result want = {.n = 0}, got;
    const double begin = seconds();
    make_values(t, t->values);
    for (const alm_kernel *k = kernels_of(t); t->c->refused != ALM_OK && k->name; k++) {
        v.kernel = k;
        if (runs_here(t, k)) {
            (void)run(t, &v, &got);
        }
    }
    v.kernel = reference;
    v.inferred = true;
    if (t->c->refused == ALM_OK && run(t, &v, &want)) {
        check_expected(t, &v, &want);
        compare_kernels(t, v, &want, used);
    }
    result_destroy(&want);
    free_values(t->values);
    if (getenv("ASSEMLM_TEST_TIMES")) {
        fprintf(stderr, "%8.3f s %s, %s\n", seconds() - begin, t->cases->op->name, t->c->name);
    }
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
    for (const alm_kernel *k = kernels_of(t); k->name; k++) {
        if (runs_here(t, k) && !(used >> (k - kernels_of(t)) & 1)) {
            complain(t, NULL, "no case runs %s", k->name);
        }
    }
}

int alm_op_test_report(const alm_op_cases *cases, const alm_op_test_device *device,
                       alm_op_report_fn *report, void *context)
{
    tester t = {.cases = cases, .device = device, .report = report, .context = context};
    const alm_kernel *reference = NULL;
    for (const alm_kernel *k = cases->op->kernels; k->name; k++) {
        reference = k->backend == ALM_BACKEND_CPU ? k : reference;
    }
    for (int n = 1; n <= MAX_THREADS && !device; n++) {
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

void alm_op_test(const alm_op_cases *cases, const alm_op_test_device *device)
{
    (void)alm_op_test_report(cases, device, report_failure, NULL);
}
