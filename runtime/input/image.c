/* Which format a page has, told by its first bytes, and the limits that hold for all formats. What
 * is not PNG, JPEG or WebP is refused with the name of its format and a command that converts it.
 */
#include "runtime/input/image.h"

#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/input/file.h"
#include "runtime/input/image_parts.h"

typedef struct magic {
    size_t offset, count;
    const char *bytes;
    const char *format, *hint;
} magic;

#define MAGICK(extension) "magick FILE." extension " FILE.png"
#define FTYP(brand, format, hint)                                                                  \
    {                                                                                              \
        4, 8, "ftyp" brand, format, hint                                                           \
    }

static const magic refused[] = {
    {0, 4, "GIF8", "GIF", "magick 'FILE.gif[0]' FILE.png"},
    {0, 5, "%PDF-", "PDF", "pdftoppm -png -r 150 FILE.pdf FILE"},
    {0, 4, "%!PS", "PostScript", "gs -o FILE.png -sDEVICE=png16m -r150 FILE.ps"},
    {0, 4, "II*\0", "TIFF", MAGICK("tif")},
    {0, 4, "MM\0*", "TIFF", MAGICK("tif")},
    {0, 4, "II+\0", "BigTIFF", MAGICK("tif")},
    {0, 4, "MM\0+", "BigTIFF", MAGICK("tif")},
    {0, 2, "BM", "BMP", MAGICK("bmp")},
    FTYP("heic", "HEIC", "heif-convert FILE.heic FILE.png"),
    FTYP("heix", "HEIC", "heif-convert FILE.heic FILE.png"),
    FTYP("hevc", "HEIC", "heif-convert FILE.heic FILE.png"),
    FTYP("mif1", "HEIF", "heif-convert FILE.heic FILE.png"),
    FTYP("msf1", "HEIF", "heif-convert FILE.heic FILE.png"),
    FTYP("avif", "AVIF", "avifdec FILE.avif FILE.png"),
    FTYP("avis", "AVIF", "avifdec FILE.avif FILE.png"),
    {0, 8, "\0\0\0\x0CJXL ", "JPEG XL", "djxl FILE.jxl FILE.png"},
    {0, 2, "\xFF\x0A", "JPEG XL", "djxl FILE.jxl FILE.png"},
    {0, 8, "\0\0\0\x0CjP  ", "JPEG 2000", "opj_decompress -i FILE.jp2 -o FILE.png"},
    {0, 4, "\xFFO\xFFQ", "JPEG 2000", "opj_decompress -i FILE.j2k -o FILE.png"},
    {0, 4, "8BPS", "Photoshop", "magick 'FILE.psd[0]' FILE.png"},
    {0, 4, "\0\0\1\0", "ICO", "magick 'FILE.ico[0]' FILE.png"},
    {0, 4, "v/1\1", "OpenEXR", MAGICK("exr")},
    {0, 4, "DDS ", "DDS", MAGICK("dds")},
    {0, 4, "qoif", "QOI", MAGICK("qoi")},
    {0, 8, "\x8AMNG\r\n\x1A\n", "MNG", "magick 'FILE.mng[0]' FILE.png"},
    {0, 8, "\x8BJNG\r\n\x1A\n", "JNG", MAGICK("jng")},
    {0, 4, "PK\3\4", "a zip archive", "unzip FILE"},
    {0, 2, "\x1F\x8B", "gzip", "gunzip FILE.gz"},
};

static bool starts(const uint8_t *data, size_t bytes, size_t offset, const char *what, size_t count)
{
    return bytes >= offset + count && memcmp(data + offset, what, count) == 0;
}

/* SVG is text: an <svg tag within the first kilobyte, after a '<' as the first character. */
static bool is_svg(const uint8_t *data, size_t bytes)
{
    const size_t end = bytes < 1024 ? bytes : 1024;
    size_t i = starts(data, bytes, 0, "\xEF\xBB\xBF", 3) ? 3 : 0;
    while (i < end && (data[i] == ' ' || data[i] == '\t' || data[i] == '\r' || data[i] == '\n')) {
        i++;
    }
    if (i >= end || data[i] != '<') {
        return false;
    }
    for (; i < end; i++) {
        if (starts(data, end, i, "<svg", 4)) {
            return true;
        }
    }
    return false;
}

static alm_status refuse(const uint8_t *data, size_t bytes, const char *name)
{
    if (bytes == 0) {
        return alm_fail(ALM_STATUS_SAMPLE, "page %s: is empty", name);
    }
    const char *format = NULL, *hint = NULL;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0] && !format; i++) {
        if (starts(data, bytes, refused[i].offset, refused[i].bytes, refused[i].count)) {
            format = refused[i].format;
            hint = refused[i].hint;
        }
    }
    if (!format && is_svg(data, bytes)) {
        format = "SVG";
        hint = "rsvg-convert -o FILE.png FILE.svg";
    }
    if (!format && bytes > 2 && data[0] == 'P' && data[1] >= '1' && data[1] <= '7' &&
        (data[2] == '\n' || data[2] == ' ' || data[2] == '\r' || data[2] == '\t')) {
        format = "PNM";
        hint = "pnmtopng FILE.ppm > FILE.png";
    }
    if (format) {
        return alm_fail(ALM_STATUS_SAMPLE,
                        "page %s: is %s, expected PNG, JPEG or WebP; convert it with: %s", name,
                        format, hint);
    }
    return alm_fail(ALM_STATUS_SAMPLE, "page %s: is not a PNG, JPEG or WebP picture", name);
}

alm_status almi_image_check_size(const char *name, uint64_t width, uint64_t height)
{
    if (width == 0 || height == 0) {
        return alm_fail(ALM_STATUS_SAMPLE, "page %s: is %llu×%llu pixels, expected some", name,
                        (unsigned long long)width, (unsigned long long)height);
    }
    /* Each side first, so that the product cannot overflow. */
    if (width > ALM_IMAGE_PIXELS || height > ALM_IMAGE_PIXELS ||
        width * height > ALM_IMAGE_PIXELS) {
        return alm_fail(ALM_STATUS_SAMPLE,
                        "page %s: is %llu×%llu pixels, more than %d in all; make it smaller first",
                        name, (unsigned long long)width, (unsigned long long)height,
                        ALM_IMAGE_PIXELS);
    }
    return ALM_OK;
}

alm_status almi_image_create(const char *name, uint64_t width, uint64_t height, alm_image *out)
{
    ALM_TRY(almi_image_check_size(name, width, height));
    uint8_t *rgb;
    ALM_TRY(alm_alloc((size_t)(width * height), 3, "the pixels of a page", &rgb));
    *out = (alm_image){.width = (int)width, .height = (int)height, .rgb = rgb};
    return ALM_OK;
}

alm_status alm_image_decode(const void *data, size_t bytes, const char *name, alm_image *out)
{
    const uint8_t *first = data;
    if (starts(first, bytes, 0, "\x89PNG", 4)) {
        return almi_png_decode(first, bytes, name, out);
    }
    if (starts(first, bytes, 0, "\xFF\xD8", 2)) {
        return almi_jpeg_decode(first, bytes, name, out);
    }
    if (starts(first, bytes, 0, "RIFF", 4) && starts(first, bytes, 8, "WEBP", 4)) {
        return almi_webp_decode(first, bytes, name, out);
    }
    return refuse(first, bytes, name);
}

alm_status alm_image_read(const char *path, alm_image *out)
{
    void *data;
    size_t bytes;
    const alm_status read = alm_file_read(path, ALM_FILE_BYTES, &data, &bytes);
    if (read != ALM_OK) {
        return read == ALM_STATUS_SAMPLE ? alm_fail_context(read, "page") : read;
    }
    const alm_status status = alm_image_decode(data, bytes, path, out);
    alm_free(data);
    return status;
}

void alm_image_free(alm_image *image)
{
    if (image) {
        alm_free(image->rgb);
        *image = (alm_image){0};
    }
}
