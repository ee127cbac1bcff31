/* point_positions as specified; also the kernel that runs: a few additions a token. */
#include "kernels/point_positions/point_positions.h"

#include <math.h>

#include "kernels/token_embed/token_embed.h"

static bool is_point(const alm_op_args *a, int64_t token)
{
    return alm_row(const int32_t, &a->in[2], token)[0] == ALM_TOKEN_POINT;
}

static alm_status check_source(const alm_op_args *a, int64_t tokens)
{
    const int64_t centers = alm_rows(&a->in[0]);
    for (int64_t i = 0; i < tokens; i++) {
        const int32_t row = alm_row(const int32_t, &a->in[2], i)[1];
        if (is_point(a, i) && (row < 0 || row >= centers)) {
            return alm_fail(ALM_STATUS_INTERNAL,
                            "point_positions: token %lld wants centre %d of %lld", (long long)i,
                            row, (long long)centers);
        }
    }
    return ALM_OK;
}

/* Cell of a coordinate in [-1, 1]; halves to even, as rint rounds. NaN gives 0. */
static int32_t cell_of(float c, int grid)
{
    const double cell = rint(((double)c + 1.0) / 2.0 * (grid - 1));
    return cell > 0.0 ? (int32_t)fmin(cell, grid - 1) : 0;
}

/* Gives the points from token `first` on their ids; returns the largest. */
static int32_t place_points(const alm_op_args *a, int64_t first)
{
    const alm_point_positions_attr *attr = a->attr;
    const int32_t base = alm_row(const int32_t, &a->in[1], first)[0];
    int32_t largest = base;
    for (int64_t i = first; i < alm_rows(&a->in[1]); i++) {
        if (!is_point(a, i)) {
            continue;
        }
        const int32_t row = alm_row(const int32_t, &a->in[2], i)[1];
        const float *center = alm_row(const float, &a->in[0], row);
        int32_t *id = alm_row(int32_t, &a->out[0], i);
        for (int axis = 0; axis < 3; axis++) {
            id[axis] = base + cell_of(center[axis], attr->grid);
            largest = id[axis] > largest ? id[axis] : largest;
        }
    }
    return largest;
}

alm_status alm_point_positions_i32_ref(const alm_exec *exec, const alm_op_args *a)
{
    (void)exec;
    const alm_tensor *text = &a->in[1];
    const int64_t n = alm_rows(text);
    int64_t i = 0;
    ALM_TRY(check_source(a, n));
    for (; i < n && !is_point(a, i); i++) {
        for (int axis = 0; axis < 3; axis++) {
            alm_row(int32_t, &a->out[0], i)[axis] = alm_row(const int32_t, text, i)[axis];
        }
    }
    if (i == n) {
        return ALM_OK;
    }
    int32_t largest = place_points(a, i);
    while (i < n) {
        if (is_point(a, i)) {
            i++;
            continue;
        }
        const int32_t *start = alm_row(const int32_t, text, i);
        const int32_t at = largest + 1;
        for (; i < n && !is_point(a, i); i++) {
            int32_t *id = alm_row(int32_t, &a->out[0], i);
            for (int axis = 0; axis < 3; axis++) {
                id[axis] = alm_row(const int32_t, text, i)[axis] - start[axis] + at;
                largest = id[axis] > largest ? id[axis] : largest;
            }
        }
    }
    return ALM_OK;
}
