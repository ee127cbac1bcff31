/* Splits the rows of a result between the threads of the pool: most operations treat rows alone. */
#ifndef ALM_KERNELS_CORE_ROWS_H
#define ALM_KERNELS_CORE_ROWS_H

#include "kernels/core/op.h"

/* Computes rows begin ... end-1 of the outputs. */
typedef void alm_rows_fn(const alm_op_args *a, int64_t begin, int64_t end);

/* Calls fn for `rows` rows in pieces of at most `chunk` >= 1 rows; returns when all are done. */
void alm_for_rows(const alm_exec *x, const alm_op_args *a, int64_t rows, int64_t chunk,
                  alm_rows_fn *fn);

/* Rows of `row` elements that make about 16 thousand elements: a piece that is long against the
 * cost of handing it out. At least 1. */
int64_t alm_rows_chunk(int64_t row);

/* Row j of `to` becomes row i of `from`: both F32 or BF16 and of equal length; BF16 is widened
 * exactly, F32 rounded to nearest even. The rows do not overlap, or are the same. */
void alm_copy_row(const alm_tensor *from, int64_t i, const alm_tensor *to, int64_t j);

#endif
