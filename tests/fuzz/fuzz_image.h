/* What the fuzz targets for pages share: whatever is accepted must be a whole picture of a size
 * within the limits, and must become patches.
 */
#ifndef ALM_TESTS_FUZZ_FUZZ_IMAGE_H
#define ALM_TESTS_FUZZ_FUZZ_IMAGE_H

#include <stdlib.h>

#include "runtime/input/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads every byte, so that a sanitizer sees those that were never written. */
static inline void fuzz_check_image(const alm_image *image)
{
    const size_t pixels = (size_t)image->width * (size_t)image->height;
    uint32_t sum = 0;
    for (size_t i = 0; i < 3 * pixels; i++) {
        sum += image->rgb[i];
    }
    if (image->width < 1 || image->height < 1 || pixels > ALM_IMAGE_PIXELS || sum > pixels * 765) {
        abort();
    }
    const alm_page_rule rule = {16, 2, 2, 4096, 16384};
    alm_grid grid;
    if (alm_page_grid(&rule, image->width, image->height, "fuzz", &grid) != ALM_OK) {
        return;
    }
    uint8_t *rows = malloc((size_t)(grid.rows * grid.columns) * 1536);
    if (rows && alm_page_patches(&rule, image, grid, rows) != ALM_OK) {
        abort();
    }
    free(rows);
}

static inline void fuzz_image(const uint8_t *data, size_t size)
{
    alm_image image = {0};
    const alm_status status = alm_image_decode(data, size, "fuzz", &image);
    if (status == ALM_OK) {
        fuzz_check_image(&image);
        alm_image_free(&image);
    } else if (status != ALM_STATUS_SAMPLE || image.rgb) {
        abort();
    }
}

#endif
