/* Pages: files to RGB exactly as Pillow converts them, and RGB to patch rows (qwen3vl.md 1).
 *
 * PNG (all colour types, 16 bit), JPEG (baseline, progressive, grey, CMYK), WebP. Alpha is dropped,
 * EXIF orientation is not applied. Refused, by name: other formats (with what converts them),
 * animations, more than ALM_IMAGE_PIXELS, truncated and broken files.
 */
#ifndef ALM_RUNTIME_INPUT_IMAGE_H
#define ALM_RUNTIME_INPUT_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/core/status.h"
#include "runtime/input/prompt.h"

/* Largest number of pixels of a file, before any resizing: what Pillow calls a bomb is twice this.
 */
enum { ALM_IMAGE_PIXELS = 89478485, ALM_FILE_BYTES = 256 << 20 };

typedef struct alm_image {
    int width, height;
    uint8_t *rgb; /* [height, width, 3] */
} alm_image;

/* name: for messages. Errors: ALM_STATUS_SAMPLE, ALM_STATUS_MEMORY. */
alm_status alm_image_decode(const void *data, size_t bytes, const char *name, alm_image *out);
alm_status alm_image_read(const char *path, alm_image *out);
void alm_image_free(alm_image *image); /* resets it */

/* What the processor does to a page: sizes from preprocessor_config.json. */
typedef struct alm_page_rule {
    int patch, temporal_patch, merge;
    int64_t area_min, area_max;
} alm_page_rule;

alm_page_rule alm_page_rule_of(const alm_settings *settings);

/* The grid that a page of this size gets (qwen3vl.md 1.1). Error: ALM_STATUS_SAMPLE: one side is
 * over 200 times the other; a side of 0. */
alm_status alm_page_grid(const alm_page_rule *rule, int width, int height, const char *name,
                         alm_grid *out);

/* Resizes to the grid and cuts into patches: rows [grid.rows·grid.columns, 3·temporal·patch²] u8 in
 * merge-block order (qwen3vl.md 1.2, 1.4). Error: ALM_STATUS_MEMORY. */
alm_status alm_page_patches(const alm_page_rule *rule, const alm_image *image, alm_grid grid,
                            uint8_t *rows);

/* The same as numbers for the operation that does it on a GPU (kernels/page_patches): sizes, spans
 * and weights of the pages that were added. Zero at the start. */
typedef struct alm_resize {
    int32_t page[ALM_PAGES][4];
    int32_t *span, *weight; /* [spans, 4], [weights] */
    size_t spans, weights, span_room, weight_room;
    int64_t bytes, wide; /* of all pages, and of all with their columns resized */
    int pages;
} alm_resize;

/* Errors: ALM_STATUS_SAMPLE: more bytes than the operation counts; ALM_STATUS_MEMORY. */
alm_status alm_resize_add(alm_resize *resize, const alm_page_rule *rule, int width, int height,
                          alm_grid grid);
void alm_resize_free(alm_resize *resize); /* resets it */

/* The four table rows and weights of each patch for the position embedding (qwen3vl.md 2.2), and
 * its row and column for the rotary table (2.3), all in merge-block order: index [n,4], weight
 * [n,4], position [n,2]. */
void alm_page_positions(const alm_page_rule *rule, int grid_side, alm_grid grid, int32_t *index,
                        float *weight, int32_t *position);

#endif
