/* Cases of page_patches. Real pages: tests/device/test_pages.c. */
#include "kernels/page_patches/page_patches.h"
#include "tests/ops/op_test.h"
#include "tests/shim/alm_test.h"

static const alm_page_patches_attr one = {.wide = 12, .patch = 1, .temporal_patch = 2};
static const alm_page_patches_attr ordinary = {.wide = 40000, .patch = 16, .temporal_patch = 2};
static const alm_page_patches_attr odd = {.wide = 20000, .patch = 3, .temporal_patch = 1};
static const alm_page_patches_attr narrow = {.wide = 11, .patch = 1, .temporal_patch = 2};
static const alm_page_patches_attr no_patch = {.wide = 11, .patch = 0, .temporal_patch = 2};

/* A page of 2×1 pixels becomes one of 4×1: the mean, a weight below zero, cut at 0, cut at 255. */
static const uint8_t rgb[] = {10, 20, 30, 21, 40, 51};
static const int32_t size[] = {2, 1, 4, 1};
static const int32_t span[] = {0, 2, 0, 1, 0, 2, 2, 1, 1, 1, 3, 0, 1, 1, 4, 0, 0, 1, 5, 0};
static const int32_t weight[] = {1, 1, 3, -1, 9, 1};
static const int32_t place[] = {0, 0, 0, 1, 0, 2, 0, 3};
static const uint8_t known[] = {16, 16, 30, 30, 41, 41, 5,   5,   10,  10,  20,  20,
                                0,  0,  0,  0,  0,  0,  189, 189, 255, 255, 255, 255};

static const int32_t other_place[] = {0, 0, 0, 1, 1, 0, 0, 3};
static const int32_t past_weights[] = {0, 2, 0, 1, 0, 2, 2, 1, 1, 1, 3, 0, 1, 1, 6, 0, 0, 1, 5, 0};
static const int32_t past_source[] = {0, 2, 0, 1, 0, 2, 2, 1, 2, 1, 3, 0, 1, 1, 4, 0, 0, 1, 5, 0};
static const int32_t past_rows[] = {0, 2, 0, 1, 0, 2, 2, 1, 1, 1, 3, 0, 1, 1, 4, 0, -1, 1, 5, 0};
static const int32_t precise[] = {0, 2, 0, 1, 0, 2, 2, 1, 1, 1, 3, 0, 1, 1, 4, 23, 0, 1, 5, 0};
static const int32_t large[] = {2, 2, 4, 1};
static const int32_t wider[] = {2, 1, 5, 1};
static const int32_t fewer[] = {2, 1, 3, 1};
static const int32_t fewer_span[] = {0, 2, 0, 1, 0, 2, 2, 1, 1, 1, 3, 0, 0, 1, 5, 0, 0, 1, 5, 0};
static const int32_t empty[] = {0, 1, 4, 1};

/* Two pages each: width, height, resized width and height. */
static const int32_t release_like[] = {37, 53, 48, 64, 64, 32, 64, 32};
static const int32_t shrunk[] = {100, 7, 21, 6, 9, 40, 12, 15};

/* Windows of up to five lines anywhere, for input 2. */
static void windows(const alm_op_case *c, int index, void *const *filled, void *data)
{
    const int32_t *g = filled[1];
    int32_t *s = data;
    int64_t left = c->in[index].desc.dim[0];
    for (int64_t axis = 0; axis < 2 * c->in[1].desc.dim[0]; axis++) {
        const int64_t page = axis / 2, side = axis % 2;
        for (int32_t i = 0; i < g[4 * page + 2 + side] && left > 0; i++, left--, s += 4) {
            const int32_t lines = g[4 * page + side];
            s[0] = (int32_t)(alm_test_random() % (uint32_t)lines);
            s[1] = (int32_t)(alm_test_random() % 6);
            s[1] = s[1] < lines - s[0] ? s[1] : lines - s[0];
            s[2] = (int32_t)(alm_test_random() % (uint32_t)(c->in[3].desc.dim[0] - 5));
            s[3] = (int32_t)(12 + alm_test_random() % 4);
        }
    }
    for (; left > 0; left--, s += 4) {
        s[0] = s[1] = s[2] = s[3] = -1; /* nobody's */
    }
}

/* Rows and columns of all patches, for input 4. */
static void places(const alm_op_case *c, int index, void *const *filled, void *data)
{
    const alm_page_patches_attr *attr = c->attr;
    const int32_t *g = filled[1];
    int32_t *p = data;
    int64_t left = c->in[index].desc.dim[0];
    for (int64_t page = 0; page < c->in[1].desc.dim[0]; page++) {
        const int32_t columns = g[4 * page + 2] / attr->patch, rows = g[4 * page + 3] / attr->patch;
        for (int32_t i = 0; i < rows * columns && left > 0; i++, left--, p += 2) {
            p[0] = i % rows;
            p[1] = i / rows;
        }
    }
    for (; left > 0; left--, p += 2) {
        p[0] = p[1] = -1; /* behind the rows in use */
    }
}

#define KNOWN                                                                                      \
    {                                                                                              \
        {ALM_DIMS(U8, 6), .data = rgb}, {ALM_DIMS(I32, 1, 4), .data = size},                       \
            {ALM_DIMS(I32, 5, 4), .data = span}, {ALM_DIMS(I32, 6), .data = weight},               \
            {ALM_DIMS(I32, 4, 2), .data = place},                                                  \
    }
#define REFUSED(page_, span_, place_, attr_, text)                                                 \
    .in = {{ALM_DIMS(U8, 6), .data = rgb},                                                         \
           {ALM_DIMS(I32, 1, 4), .data = page_},                                                   \
           {ALM_DIMS(I32, 5, 4), .data = span_},                                                   \
           {ALM_DIMS(I32, 6), .data = weight},                                                     \
           {ALM_DIMS(I32, 4, 2), .data = place_}},                                                 \
    .attr = attr_, .refused = ALM_STATUS_INTERNAL, .refused_text = text

static const alm_op_case cases[] = {
    {.name = "known", .in = KNOWN, .attr = &one, .expect = {known}},
    {.name = "two pages, strides, rows in use",
     .in = {{ALM_DIMS(U8, 12100)},
            {ALM_DIMS(I32, 2, 4), .data = release_like},
            {ALM_DIMS(I32, 211, 4), .fill = windows},
            {ALM_DIMS(I32, 300), .low = -3000, .high = 9000},
            {ALM_DIMS(I32, 23, 2), .fill = places, .rows = 20, .stride = 3}},
     .attr = &ordinary,
     .out_stride = {1541}},
    {.name = "patches of three pixels, shrunk",
     .in = {{ALM_DIMS(U8, 3180)},
            {ALM_DIMS(I32, 2, 4), .data = shrunk},
            {ALM_DIMS(I32, 54, 4), .fill = windows},
            {ALM_DIMS(I32, 64), .low = -60000, .high = 60000},
            {ALM_DIMS(I32, 34, 2), .fill = places}},
     .attr = &odd},
    {.name = "no row",
     .in = {{ALM_DIMS(U8, 3180)},
            {ALM_DIMS(I32, 2, 4), .data = shrunk},
            {ALM_DIMS(I32, 54, 4), .fill = windows},
            {ALM_DIMS(I32, 64)},
            {ALM_DIMS(I32, 34, 2), .fill = places, .rows = ALM_ROWS_NONE}},
     .attr = &odd},
    {.name = "a place outside",
     REFUSED(size, span, other_place, &one, "patch 2 has row 1 and column 0")},
    {.name = "past the weights", REFUSED(size, past_weights, place, &one, "span 3 takes 1 lines")},
    {.name = "past the source", REFUSED(size, past_source, place, &one, "from 2 on of 2")},
    {.name = "before the first row", REFUSED(size, past_rows, place, &one, "from -1 on of 1")},
    {.name = "precision", REFUSED(size, precise, place, &one, "precision 23")},
    {.name = "more pixels than bytes", REFUSED(large, span, place, &one, "page 0, 2×2")},
    {.name = "more columns than spans", REFUSED(wider, span, place, &one, "resized 5×1")},
    {.name = "fewer patches than rows",
     REFUSED(fewer, fewer_span, place, &one, "the pages have 3 patches, not 4")},
    {.name = "no pixels", REFUSED(empty, span, place, &one, "page 0 is 0×1")},
    {.name = "no room", REFUSED(size, span, place, &narrow, "than there is room for")},
};

static const alm_op_bad bad[] = {
    {.name = "type of rgb",
     .input = 0,
     ALM_DIMS(F32, 6),
     .status = ALM_STATUS_MODEL,
     .text = "page_patches: rgb is F32"},
    {.name = "page",
     .input = 1,
     ALM_DIMS(I32, 1, 3),
     .status = ALM_STATUS_MODEL,
     .text = "page_patches: page is I32 [1, 3]"},
    {.name = "many pages",
     .input = 1,
     ALM_DIMS(I32, 17, 4),
     .status = ALM_STATUS_MODEL,
     .text = "17 pages, at most 16"},
    {.name = "span",
     .input = 2,
     ALM_DIMS(I32, 5),
     .status = ALM_STATUS_MODEL,
     .text = "page_patches: span is I32 [5]"},
    {.name = "spans apart",
     .input = 2,
     .stride = 5,
     .status = ALM_STATUS_INTERNAL,
     .text = "page_patches: the rows of span lie 5 elements apart"},
    {.name = "type of weight",
     .input = 3,
     ALM_DIMS(I16, 6),
     .status = ALM_STATUS_MODEL,
     .text = "page_patches: weight is I16"},
    {.name = "position",
     .input = 4,
     ALM_DIMS(I32, 4, 3),
     .status = ALM_STATUS_MODEL,
     .text = "page_patches: position is I32 [4, 3]"},
    {.name = "patch",
     .attr = &no_patch,
     .status = ALM_STATUS_MODEL,
     .text = "page_patches: patch 0"},
};

const alm_op_cases alm_cases_page_patches = {
    .op = &alm_op_page_patches,
    ALM_CASES(cases),
    ALM_BAD(bad),
};
