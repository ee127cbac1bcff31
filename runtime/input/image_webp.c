/* WebP, lossy and lossless, to RGB; alpha is dropped, not composited (qwen3vl.md 1).
 *
 * Refused: animations, files that are cut short or damaged.
 */
#include <errno.h>
#include <webp/decode.h>

#include "kernels/core/memory.h"
#include "runtime/input/image_parts.h"

static alm_status fail_code(const char *name, VP8StatusCode code)
{
    switch (code) {
    case VP8_STATUS_OUT_OF_MEMORY:
        return alm_fail(ALM_STATUS_MEMORY, "out of memory: decoding WebP page %s", name);
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
        return alm_fail(ALM_STATUS_SAMPLE, "page %s: cut short: the WebP goes on after its end",
                        name);
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        return alm_fail(ALM_STATUS_SAMPLE,
                        "page %s: WebP with an unsupported feature; convert it with: "
                        "dwebp FILE.webp -o FILE.png",
                        name);
    default: return alm_fail(ALM_STATUS_SAMPLE, "page %s: broken WebP", name);
    }
}

/* libwebp before 1.4 follows a wild pointer when one small allocation of its lossless decoder (of
 * pictures and of alpha planes) fails. Asking for all that a decode takes first makes sure that the
 * failure is ours: of the pixels, transforms and tables, and what is left for the small ones. */
static alm_status check_memory(const WebPBitstreamFeatures *about)
{
    enum { SPARE = 4 << 20, BYTES_A_PIXEL = 16 };
    void *block;
    if (WebPGetDecoderVersion() >= 0x010400) {
        return ALM_OK;
    }
    ALM_TRY(alm_alloc((size_t)about->width * (size_t)about->height + SPARE / BYTES_A_PIXEL,
                      BYTES_A_PIXEL, "decoding a WebP page", &block));
    alm_free(block);
    return ALM_OK;
}

alm_status almi_webp_decode(const uint8_t *data, size_t bytes, const char *name, alm_image *out)
{
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config)) {
        return alm_fail(ALM_STATUS_INTERNAL, "libwebp is not the one of the build");
    }
    VP8StatusCode code = WebPGetFeatures(data, bytes, &config.input);
    if (code != VP8_STATUS_OK) {
        return fail_code(name, code);
    }
    if (config.input.has_animation) {
        return alm_fail(ALM_STATUS_SAMPLE,
                        "page %s: is an animated WebP, expected one picture; take the first with: "
                        "magick 'FILE.webp[0]' OUT.png",
                        name);
    }
    ALM_TRY(
        almi_image_check_size(name, (uint64_t)config.input.width, (uint64_t)config.input.height));
    ALM_TRY(check_memory(&config.input));
    alm_image image;
    ALM_TRY(almi_image_create(name, (uint64_t)config.input.width, (uint64_t)config.input.height,
                              &image));
    config.output.colorspace = MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = image.rgb;
    config.output.u.RGBA.stride = 3 * image.width;
    config.output.u.RGBA.size = (size_t)image.width * (size_t)image.height * 3;
    errno = 0;
    code = WebPDecode(data, bytes, &config);
    if (code != VP8_STATUS_OK && errno == ENOMEM) {
        code = VP8_STATUS_OUT_OF_MEMORY; /* libwebp calls some failed allocations a broken file */
    }
    WebPFreeDecBuffer(&config.output); /* leaves external memory alone */
    if (code != VP8_STATUS_OK) {
        alm_image_free(&image);
        return fail_code(name, code);
    }
    *out = image;
    return ALM_OK;
}
