/* What the decoders of pages share. Private to runtime/input/image*.c.
 *
 * Each decoder gets the whole file in memory and a name for messages, checks the sizes before it
 * allocates, and leaves *out alone unless it succeeds.
 */
#ifndef ALM_RUNTIME_INPUT_IMAGE_PARTS_H
#define ALM_RUNTIME_INPUT_IMAGE_PARTS_H

#include "runtime/input/image.h"

/* Refuses empty pictures and more than ALM_IMAGE_PIXELS. */
alm_status almi_image_check_size(const char *name, uint64_t width, uint64_t height);

/* A picture of this size, checked, uninitialised. */
alm_status almi_image_create(const char *name, uint64_t width, uint64_t height, alm_image *out);

alm_status almi_png_decode(const uint8_t *data, size_t bytes, const char *name, alm_image *out);
alm_status almi_jpeg_decode(const uint8_t *data, size_t bytes, const char *name, alm_image *out);
alm_status almi_webp_decode(const uint8_t *data, size_t bytes, const char *name, alm_image *out);

#endif
