/* A picture within a picture: each pixel of the small one is the mean of those that it covers. */
#include "runtime/output/canvas.h"

#include <stdbool.h>

/* The pixels [begin, end) of the picture that pixel `at` of `count` covers; at least one. */
typedef struct span {
    int64_t begin, end;
} span;

static span covered(int at, int count, int size)
{
    span s = {(int64_t)at * size / count, ((int64_t)at + 1) * size / count};
    s.end = s.end > s.begin ? s.end : s.begin + 1;
    return s;
}

static void mean_of(const uint8_t *rgb, int width, span rows, span columns, uint8_t out[3])
{
    uint64_t sum[3] = {0, 0, 0};
    const uint64_t pixels =
        (uint64_t)(rows.end - rows.begin) * (uint64_t)(columns.end - columns.begin);
    for (int64_t y = rows.begin; y < rows.end; y++) {
        const uint8_t *from = rgb + 3 * (y * width + columns.begin);
        for (int64_t x = columns.begin; x < columns.end; x++, from += 3) {
            for (int c = 0; c < 3; c++) {
                sum[c] += from[c];
            }
        }
    }
    for (int c = 0; c < 3; c++) {
        out[c] = (uint8_t)((sum[c] + pixels / 2) / pixels);
    }
}

void alm_canvas_picture(alm_canvas *canvas, int left, int top, int box_width, int box_height,
                        const uint8_t *rgb, int width, int height)
{
    /* The longer side fills the box; the other has at least one pixel. */
    const bool is_wide = (int64_t)width * box_height >= (int64_t)height * box_width;
    const int64_t w = is_wide ? box_width : (int64_t)box_height * width / height;
    const int64_t h = is_wide ? (int64_t)box_width * height / width : box_height;
    const int to_width = w > 0 ? (int)w : 1, to_height = h > 0 ? (int)h : 1;
    left += (box_width - to_width) / 2;
    top += (box_height - to_height) / 2;
    for (int y = 0; y < to_height; y++) {
        for (int x = 0; x < to_width; x++) {
            uint8_t *to =
                canvas->rgb + 3 * ((size_t)(top + y) * (size_t)canvas->width + (size_t)(left + x));
            mean_of(rgb, width, covered(y, to_height, height), covered(x, to_width, width), to);
        }
    }
}
