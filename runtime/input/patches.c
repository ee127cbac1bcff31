/* From the pixels of a page to patch rows: the size, the fixed-point bicubic resize that equals
 * torchvision's integers, the order of patches, and what the position embedding needs (qwen3vl.md
 * 1.1, 1.2, 1.4, 2.2, 2.3).
 *
 * Refused: pages that are over 200 times as long as wide.
 */
#include <math.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/input/image.h"

enum {
    LONGEST_TO_SHORTEST = 200,
    GRID_LIMIT = 1 << 24, /* patches of a page: bounds what a page costs, whatever the rule says */
    PRECISION_LIMIT = 22,
    BLOCK = 256 /* bytes of a row that the vertical pass adds up at a time */
};

alm_page_rule alm_page_rule_of(const alm_settings *settings)
{
    return (alm_page_rule){
        .patch = settings->model.vision.patch,
        .temporal_patch = settings->model.vision.temporal_patch,
        .merge = settings->model.vision.merge,
        .area_min = settings->area_min,
        .area_max = settings->area_max,
    };
}

alm_status alm_page_grid(const alm_page_rule *rule, int width, int height, const char *name,
                         alm_grid *out)
{
    const double longest = width > height ? width : height;
    const double shortest = width > height ? height : width;
    if (shortest <= 0) {
        return alm_fail(ALM_STATUS_SAMPLE, "page %s: is %d×%d pixels, expected some", name, width,
                        height);
    }
    if (longest / shortest > LONGEST_TO_SHORTEST) {
        return alm_fail(ALM_STATUS_SAMPLE,
                        "page %s: is %d×%d pixels: one side is over %d times the other", name,
                        width, height, LONGEST_TO_SHORTEST);
    }
    /* All in double, as the processor does it: sizes are far below 2^53. */
    const double factor = (double)rule->patch * rule->merge;
    const double w = width, h = height;
    const double least = (double)rule->area_min, most = (double)rule->area_max;
    double w2 = rint(w / factor) * factor, h2 = rint(h / factor) * factor;
    if (h2 * w2 > most) {
        const double beta = sqrt(h * w / most);
        h2 = fmax(factor, floor(h / beta / factor) * factor);
        w2 = fmax(factor, floor(w / beta / factor) * factor);
    } else if (h2 * w2 < least) {
        const double beta = sqrt(least / (h * w));
        h2 = ceil(h * beta / factor) * factor;
        w2 = ceil(w * beta / factor) * factor;
    }
    const double rows = h2 / rule->patch, columns = w2 / rule->patch;
    if (!(rows >= 1 && columns >= 1 && rows * columns <= GRID_LIMIT)) {
        return alm_fail(ALM_STATUS_SAMPLE,
                        "page %s: %d×%d pixels become %.0f×%.0f patches, more than %d in all", name,
                        width, height, columns, rows, GRID_LIMIT);
    }
    *out = (alm_grid){.rows = (int)rows, .columns = (int)columns};
    return ALM_OK;
}

/* The weights of one axis in -> out in fixed point: output i is the sum over j < count[i] of
 * weight[i·taps + j] · source[first[i] + j], shifted right by `precision` after rounding. */
typedef struct axis {
    int out, taps, precision;
    int *first, *count; /* [out] */
    int16_t *weight;    /* [out, taps] */
} axis;

/* Keys' cubic with a = -0.5. */
static double cubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1) {
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    }
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/* weight: [out, taps] in double, each row divided by its sum. Returns the largest of all. */
static double axis_weights(axis *x, int in, double *weight)
{
    const double scale = (double)in / x->out;
    const double support = 2 * fmax(scale, 1), inverse = scale >= 1 ? 1 / scale : 1;
    double largest = 0;
    for (int i = 0; i < x->out; i++) {
        const double center = scale * (i + 0.5);
        const int from = (int)fmax(trunc(center - support + 0.5), 0);
        const int to = (int)fmin(trunc(center + support + 0.5), in);
        const int n = to - from < x->taps ? to - from : x->taps;
        double *w = weight + (size_t)i * (size_t)x->taps;
        double sum = 0;
        for (int j = 0; j < n; j++) {
            w[j] = cubic((j + from - center + 0.5) * inverse);
            sum += w[j];
        }
        for (int j = 0; j < n; j++) {
            w[j] /= sum;
            largest = fmax(largest, w[j]);
        }
        x->first[i] = from;
        x->count[i] = n;
    }
    return largest;
}

static void axis_free(axis *x)
{
    alm_free(x->first);
    alm_free(x->count);
    alm_free(x->weight);
    *x = (axis){0};
}

static alm_status axis_fill(axis *x, int in)
{
    const double scale = (double)in / x->out;
    x->taps = 2 * (int)ceil(2 * fmax(scale, 1)) + 1;
    const size_t out = (size_t)x->out, taps = (size_t)x->taps;
    double *weight;
    ALM_TRY(alm_alloc(out, sizeof *x->first, "resizing a page", &x->first));
    ALM_TRY(alm_alloc(out, sizeof *x->count, "resizing a page", &x->count));
    ALM_TRY(alm_calloc(out * taps, sizeof *x->weight, "resizing a page", &x->weight));
    ALM_TRY(alm_alloc(out * taps, sizeof *weight, "resizing a page", &weight));
    const double largest = axis_weights(x, in, weight);
    /* The smallest precision at which one more bit would not fit the largest weight in 16 bits. */
    int p = 0;
    while (p < PRECISION_LIMIT && trunc(0.5 + ldexp(largest, p + 1)) < 32768) {
        p++;
    }
    x->precision = p;
    for (size_t i = 0; i < out; i++) {
        for (size_t j = 0; j < (size_t)x->count[i]; j++) {
            const double w = weight[i * taps + j];
            x->weight[i * taps + j] = (int16_t)trunc(ldexp(w, p) + copysign(0.5, w));
        }
    }
    alm_free(weight);
    return ALM_OK;
}

static alm_status axis_create(int in, int out, axis *result)
{
    axis x = {.out = out};
    const alm_status status = axis_fill(&x, in);
    if (status != ALM_OK) {
        axis_free(&x);
        return status;
    }
    *result = x;
    return ALM_OK;
}

static uint8_t to_byte(int32_t sum, int precision)
{
    const int32_t v = sum >> precision;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

/* from: [rows, in, 3] -> to: [rows, x->out, 3]. */
static void resize_columns(const axis *x, const uint8_t *from, int in, int rows, uint8_t *to)
{
    const int32_t half = (int32_t)(1 << x->precision) >> 1;
    for (int y = 0; y < rows; y++) {
        const uint8_t *line = from + (size_t)y * (size_t)in * 3;
        for (int i = 0; i < x->out; i++) {
            const int16_t *w = x->weight + (size_t)i * (size_t)x->taps;
            const uint8_t *s = line + (size_t)x->first[i] * 3;
            int32_t r = half, g = half, b = half;
            for (int j = 0; j < x->count[i]; j++, s += 3) {
                r += w[j] * s[0];
                g += w[j] * s[1];
                b += w[j] * s[2];
            }
            to[0] = to_byte(r, x->precision);
            to[1] = to_byte(g, x->precision);
            to[2] = to_byte(b, x->precision);
            to += 3;
        }
    }
}

/* from: [in, row] -> to: [x->out, row], row = bytes of a row. */
static void resize_rows(const axis *x, const uint8_t *from, size_t row, uint8_t *to)
{
    const int32_t half = (int32_t)(1 << x->precision) >> 1;
    for (int i = 0; i < x->out; i++, to += row) {
        const int16_t *w = x->weight + (size_t)i * (size_t)x->taps;
        const uint8_t *s = from + (size_t)x->first[i] * row;
        for (size_t at = 0; at < row; at += BLOCK) {
            const size_t n = row - at < BLOCK ? row - at : BLOCK;
            int32_t sum[BLOCK];
            for (size_t k = 0; k < BLOCK; k++) {
                sum[k] = half;
            }
            for (int j = 0; j < x->count[i]; j++) {
                const uint8_t *line = s + (size_t)j * row + at;
                for (size_t k = 0; k < n; k++) {
                    sum[k] += w[j] * line[k];
                }
            }
            for (size_t k = 0; k < n; k++) {
                to[at + k] = to_byte(sum[k], x->precision);
            }
        }
    }
}

/* *out = the picture at this size, or NULL when it has it already. First the columns, rounded to
 * bytes, then the rows. */
static alm_status resize(const alm_image *image, int width, int height, uint8_t **out)
{
    uint8_t *wide = NULL, *high = NULL;
    axis x = {0}, y = {0};
    alm_status status = ALM_OK;
    const size_t row = (size_t)width * 3;
    if (width != image->width) {
        status = axis_create(image->width, width, &x);
        if (status == ALM_OK) {
            status = alm_alloc((size_t)image->height, row, "resizing a page", &wide);
        }
        if (status != ALM_OK) {
            goto done;
        }
        resize_columns(&x, image->rgb, image->width, image->height, wide);
    }
    if (height != image->height) {
        status = axis_create(image->height, height, &y);
        if (status == ALM_OK) {
            status = alm_alloc((size_t)height, row, "resizing a page", &high);
        }
        if (status != ALM_OK) {
            goto done;
        }
        resize_rows(&y, wide ? wide : image->rgb, row, high);
    }
    *out = high ? high : wide;
done:
    axis_free(&x);
    axis_free(&y);
    if (status != ALM_OK || high) {
        alm_free(wide);
    }
    if (status != ALM_OK) {
        alm_free(high);
    }
    return status;
}

/* One axis of a page: a weight of 1 copies what has its size already. */
static alm_status add_axis(alm_resize *r, int in, int out)
{
    const size_t n = (size_t)out;
    axis x = {0};
    ALM_TRY(
        alm_reserve(r->spans + n, 4 * sizeof *r->span, "resizing a page", &r->span, &r->span_room));
    if (in != out) {
        ALM_TRY(axis_create(in, out, &x));
    }
    const size_t taps = in == out ? 1 : n * (size_t)x.taps;
    const alm_status status = alm_reserve(r->weights + taps, sizeof *r->weight, "resizing a page",
                                          &r->weight, &r->weight_room);
    if (status != ALM_OK) {
        axis_free(&x);
        return status;
    }
    int32_t *span = r->span + 4 * r->spans, *weight = r->weight + r->weights;
    for (size_t i = 0; i < n; i++, span += 4) {
        span[0] = in == out ? (int32_t)i : x.first[i];
        span[1] = in == out ? 1 : x.count[i];
        span[2] = (int32_t)(r->weights + i * (size_t)x.taps);
        span[3] = x.precision;
    }
    for (size_t i = 0; i < taps; i++) {
        weight[i] = in == out ? 1 : x.weight[i];
    }
    r->spans += n;
    r->weights += taps;
    axis_free(&x);
    return ALM_OK;
}

alm_status alm_resize_add(alm_resize *r, const alm_page_rule *rule, int width, int height,
                          alm_grid grid)
{
    const int wide = grid.columns * rule->patch, high = grid.rows * rule->patch;
    r->bytes += (int64_t)3 * width * height;
    r->wide += (int64_t)3 * wide * height;
    if (r->pages == ALM_PAGES || r->bytes > INT32_MAX || r->wide > INT32_MAX) {
        return alm_fail(ALM_STATUS_SAMPLE, "page %d: %d×%d pixels are too many for a GPU",
                        r->pages + 1, width, height);
    }
    memcpy(r->page[r->pages++], (const int32_t[]){width, height, wide, high}, sizeof *r->page);
    ALM_TRY(add_axis(r, width, wide));
    return add_axis(r, height, high);
}

void alm_resize_free(alm_resize *r)
{
    alm_free(r->span);
    alm_free(r->weight);
    *r = (alm_resize){0};
}

/* Patch row and column of patch r in merge-block order. */
static void patch_place(const alm_page_rule *rule, alm_grid grid, int r, int *row, int *column)
{
    const int merge = rule->merge, blocks = grid.columns / merge;
    const int inside = r % (merge * merge), block = r / (merge * merge);
    *row = block / blocks * merge + inside / merge;
    *column = block % blocks * merge + inside % merge;
}

static void cut_patch(const alm_page_rule *rule, const uint8_t *rgb, size_t width, int row,
                      int column, uint8_t *out)
{
    const size_t p = (size_t)rule->patch, area = p * p, frames = (size_t)rule->temporal_patch;
    const uint8_t *corner = rgb + ((size_t)row * p * width + (size_t)column * p) * 3;
    for (size_t c = 0; c < 3; c++) {
        uint8_t *plane = out + c * frames * area;
        for (size_t y = 0; y < p; y++) {
            for (size_t x = 0; x < p; x++) {
                plane[y * p + x] = corner[(y * width + x) * 3 + c];
            }
        }
        for (size_t t = 1; t < frames; t++) {
            memcpy(plane + t * area, plane, area);
        }
    }
}

alm_status alm_page_patches(const alm_page_rule *rule, const alm_image *image, alm_grid grid,
                            uint8_t *rows)
{
    const int width = grid.columns * rule->patch, height = grid.rows * rule->patch;
    uint8_t *resized = NULL;
    ALM_TRY(resize(image, width, height, &resized));
    const uint8_t *rgb = resized ? resized : image->rgb;
    const size_t bytes =
        3 * (size_t)rule->temporal_patch * (size_t)rule->patch * (size_t)rule->patch;
    for (int r = 0; r < grid.rows * grid.columns; r++) {
        int row, column;
        patch_place(rule, grid, r, &row, &column);
        cut_patch(rule, rgb, (size_t)width, row, column, rows + (size_t)r * bytes);
    }
    alm_free(resized);
    return ALM_OK;
}

/* Element i of linspace(0, last, n) in float32 as torch makes it: from both ends, the product and
 * the sum rounded once. */
static float coordinate(float last, int n, int i)
{
    const float step = last / (float)(n > 1 ? n - 1 : 1);
    if (i < n / 2 || n == 1) {
        return step * (float)i;
    }
    return fmaf(-step, (float)(n - 1 - i), last);
}

void alm_page_positions(const alm_page_rule *rule, int grid_side, alm_grid grid, int32_t *index,
                        float *weight, int32_t *position)
{
    const int last = grid_side - 1;
    for (int r = 0; r < grid.rows * grid.columns; r++) {
        int row, column;
        patch_place(rule, grid, r, &row, &column);
        const float y = coordinate((float)last, grid.rows, row);
        const float x = coordinate((float)last, grid.columns, column);
        const int y0 = (int)y, x0 = (int)x;
        const int y1 = y0 < last ? y0 + 1 : last, x1 = x0 < last ? x0 + 1 : last;
        const float dy = y - (float)y0, dx = x - (float)x0;
        int32_t *at = index + 4 * (size_t)r;
        at[0] = y0 * grid_side + x0;
        at[1] = y0 * grid_side + x1;
        at[2] = y1 * grid_side + x0;
        at[3] = y1 * grid_side + x1;
        float *w = weight + 4 * (size_t)r;
        w[0] = (1 - dy) * (1 - dx);
        w[1] = (1 - dy) * dx;
        w[2] = dy * (1 - dx);
        w[3] = dy * dx;
        position[2 * (size_t)r] = row;
        position[2 * (size_t)r + 1] = column;
    }
}
