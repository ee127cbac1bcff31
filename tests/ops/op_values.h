/* Elements of any type as doubles, and random ones. Part of op_test.c. */
#ifndef ALM_TESTS_OPS_OP_VALUES_H
#define ALM_TESTS_OPS_OP_VALUES_H

#include "kernels/core/desc.h"

bool alm_test_is_float(alm_dtype dtype);

/* Element i of data = value, rounded to the type. */
void alm_test_store(alm_dtype dtype, void *data, int64_t i, double value);

/* Fills the packed elements as alm_op_input.low and .high say. */
void alm_test_fill(const alm_desc *desc, double low, double high, void *data);

#endif
