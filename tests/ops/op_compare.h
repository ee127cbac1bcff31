/* Parts of op_test.c: what a run gave, and its comparison with what it should give. */
#ifndef ALM_TESTS_OPS_OP_COMPARE_H
#define ALM_TESTS_OPS_OP_COMPARE_H

#include "tests/ops/op_setup.h"

enum { OP_TEST_MAX_THREADS = 3, OP_TEST_MAX_REPORTS = 20 };

/* The rows in use of all outputs, packed. */
typedef struct result {
    int n;
    alm_desc desc[ALM_OP_TEST_OUTPUTS];
    int64_t rows[ALM_OP_TEST_OUTPUTS];
    void *data[ALM_OP_TEST_OUTPUTS];
} result;

typedef struct tester {
    const alm_op_cases *cases;
    const alm_op_case *c;
    const alm_op_test_device *device; /* NULL: the CPU */
    alm_op_report_fn *report;
    void *context;
    int reports;
    void *values[ALM_OP_TEST_INPUTS];
    alm_pool *pool[OP_TEST_MAX_THREADS + 1];
} tester;

/* Reports a failure of the case, and of the variant where v is not NULL. */
void complain(tester *t, const variant *v, const char *format, ...) ALM_PRINTF(3, 4);

void take_result(const setup *s, result *out);
void result_destroy(result *r);

/* Bits of rows [first, first + n of b) of a. */
void check_same_bits(tester *t, const variant *v, const result *a, int64_t first, const result *b);

/* limit: of every element of every output. */
void check_close(tester *t, const variant *v, const result *want, const result *got,
                 double *const *limit);

/* The known results of the case. */
void check_expected(tester *t, const variant *v, const result *got);

#endif
