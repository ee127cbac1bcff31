/* What a run gave, and its comparison with what it should give (op_compare.h). */
#include "tests/ops/op_compare.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/ops/op_values.h"

void complain(tester *t, const variant *v, const char *format, ...)
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
    if (t->reports++ < OP_TEST_MAX_REPORTS) {
        t->report(t->context, text);
    }
}

void take_result(const setup *s, result *out)
{
    out->n = s->args.n_out;
    for (int o = 0; o < out->n; o++) {
        const alm_tensor *tensor = &s->out[o];
        const size_t size = alm_dtype_size(tensor->desc.dtype);
        const size_t row = (size_t)alm_desc_row(&tensor->desc) * size;
        out->desc[o] = tensor->desc;
        out->rows[o] = alm_rows(tensor);
        out->data[o] = op_allocate((size_t)out->rows[o] * row);
        for (int64_t r = 0; r < out->rows[o]; r++) {
            memcpy((uint8_t *)out->data[o] + (size_t)r * row,
                   (const uint8_t *)tensor->data + (size_t)(r * tensor->stride) * size, row);
        }
    }
}

void result_destroy(result *r)
{
    for (int o = 0; o < r->n; o++) {
        free(r->data[o]);
    }
    memset(r, 0, sizeof *r);
}

void check_same_bits(tester *t, const variant *v, const result *a, int64_t first, const result *b)
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

void check_close(tester *t, const variant *v, const result *want, const result *got,
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

void check_expected(tester *t, const variant *v, const result *got)
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
