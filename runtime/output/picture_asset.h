/* The picture of an asset: its two pages, and below them its clouds in place, from two sides. */
#ifndef ALM_RUNTIME_OUTPUT_PICTURE_ASSET_H
#define ALM_RUNTIME_OUTPUT_PICTURE_ASSET_H

#include <stdbool.h>

#include "kernels/core/status.h"
#include "runtime/input/dataset.h"

/* 1200×1280 pixels, as PNG. What the asset lacks (0 points, no page) stays empty. The same asset
 * gives the same bytes; the file appears whole or not at all. Errors: ALM_STATUS_OUTPUT (an
 * existing file is refused unless force), ALM_STATUS_SAMPLE (coordinates beyond 1e30),
 * ALM_STATUS_MEMORY. */
alm_status alm_picture_asset_write(const alm_asset *asset, const char *title, const char *path,
                                   bool force);

#endif
