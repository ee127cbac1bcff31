/* Decoded pages to patch rows (qwen3vl.md 1.2, 1.4): the fixed-point resize and the cut into
 * patches. All in integers: every kernel gives the same bytes.
 *
 * in 0   rgb       U8  [B]: the pages one behind the other, each [height, width, 3]
 * in 1   page      I32 [P, 4]: width and height of each page, then of what it is resized to
 * in 2   span      I32 [S, 4]: how one line of a result is made from lines of its source: number
 *                  of the first, how many, which weight is the first's, precision. For each page
 *                  its resized width, then its resized height of them
 * in 3   weight    I32 [W]
 * in 4   position  I32 [N, 2]: row and column of each patch in its page; patches in the order of
 *                  the pages
 * out 0  U8 [N, 3·temporal·patch²]: channel, copy, line, column
 *
 * A line is (the sum of weight·byte + half of 2^precision) >> precision, cut to 0 ... 255: first
 * the columns of a page, then the rows of what came out. Sums wrap at 32 bits. One weight of 1 at
 * precision 0 copies a line: a page that has its size already needs no way of its own.
 *
 * Refused in a run: a page without pixels, a resized side that is no multiple of the patch, more
 * bytes or spans than there are, a span that leaves its source or the weights, a position or a
 * patch that no page has.
 */
#ifndef ALM_KERNELS_PAGE_PATCHES_H
#define ALM_KERNELS_PAGE_PATCHES_H

#include "kernels/core/op.h"

typedef struct alm_page_patches_attr {
    int64_t wide; /* room for the pages with their columns resized: 3·resized width·height each */
    int32_t patch, temporal_patch;
} alm_page_patches_attr;

enum {
    ALM_PAGE_SIDE = 1 << 24,  /* most pixels of a side: products fit in 64 bits */
    ALM_PAGE_PRECISION = 22,  /* most bits behind the point */
    ALM_PAGE_PATCHES_MAX = 16 /* most pages */
};

alm_status alm_page_patches_ref(const alm_exec *x, const alm_op_args *a);
/* Workspace of every kernel. */
size_t alm_page_patches_workspace(const alm_op_args *a, const alm_device *device);

#endif
