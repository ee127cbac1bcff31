/* PNG to RGB as Pillow converts it: palette entries that are missing are black, transparency and
 * colour management are ignored, 16-bit grey is clipped at 255 while the other 16-bit kinds keep
 * the high byte (qwen3vl.md 1).
 *
 * Refused: files without their end chunk, animations, what libpng calls an error, and sizes that
 * the compressed data cannot fill. Samples are unpacked here, not by libpng's transformations, so
 * that the rules above stand in one place.
 */
#include <png.h>
#include <setjmp.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/input/image_parts.h"

/* Deflate cannot do better than 258 bytes for two bits. */
enum { SIGNATURE_BYTES = 8, DEFLATE_RATIO = 1032 };

/* Everything that lives across the jump out of libpng: no local variable does. */
typedef struct reader {
    const char *name;
    const uint8_t *data; /* the file */
    size_t bytes, at;
    size_t compressed; /* bytes of all IDAT chunks */
    jmp_buf escape;
    alm_status status; /* ALM_STATUS_MEMORY once an allocation failed */
    png_struct *png;
    png_info *info;
    png_uint_32 width, height;
    int bits, kind, interlace; /* of a sample; PNG_COLOR_TYPE_*; PNG_INTERLACE_* */
    int channels;
    uint8_t palette[256][3];
    uint8_t *row; /* one row of samples as stored */
    alm_image image;
} reader;

static uint32_t big32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Walks the chunks before libpng does: a cut file is told from a broken one, and an animation from
 * its first frame. */
static alm_status walk_chunks(reader *r)
{
    static const uint8_t signature[SIGNATURE_BYTES] = "\x89PNG\r\n\x1A\n";
    if (r->bytes < SIGNATURE_BYTES || memcmp(r->data, signature, SIGNATURE_BYTES) != 0) {
        return alm_fail(ALM_STATUS_SAMPLE,
                        "page %s: the PNG signature is damaged (copied as text, or cut short)",
                        r->name);
    }
    size_t at = SIGNATURE_BYTES;
    for (;;) {
        const size_t left = r->bytes - at;
        if (left < 12 || big32(r->data + at) > left - 12) {
            return alm_fail(ALM_STATUS_SAMPLE,
                            "page %s: cut short: %zu bytes, and the PNG goes on after byte %zu",
                            r->name, r->bytes, at);
        }
        const uint8_t *type = r->data + at + 4;
        const size_t length = big32(r->data + at);
        if (memcmp(type, "acTL", 4) == 0) {
            return alm_fail(ALM_STATUS_SAMPLE,
                            "page %s: is an animated PNG, expected one picture; take the first "
                            "with: magick 'apng:FILE.png[0]' OUT.png",
                            r->name);
        }
        if (memcmp(type, "IDAT", 4) == 0) {
            r->compressed += length;
        }
        if (memcmp(type, "IEND", 4) == 0) {
            return ALM_OK;
        }
        at += 12 + length;
    }
}

static void on_error(png_struct *png, const char *text)
{
    reader *r = png_get_error_ptr(png);
    if (r->status == ALM_OK) {
        r->status = alm_fail(ALM_STATUS_SAMPLE, "page %s: broken PNG: %s", r->name, text);
    }
    longjmp(r->escape, 1);
}

static void on_warning(png_struct *png, const char *text)
{
    (void)png;
    (void)text;
}

static png_voidp allocate(png_struct *png, png_alloc_size_t bytes)
{
    reader *r = png_get_mem_ptr(png);
    void *block;
    const alm_status status = alm_alloc(bytes, 1, "a PNG page", &block);
    if (status != ALM_OK) {
        r->status = status;
        return NULL;
    }
    return block;
}

static void release(png_struct *png, png_voidp block)
{
    (void)png;
    alm_free(block);
}

static void read_bytes(png_struct *png, png_byte *to, size_t count)
{
    reader *r = png_get_io_ptr(png);
    if (count > r->bytes - r->at) {
        png_error(png, "cut short");
    }
    memcpy(to, r->data + r->at, count);
    r->at += count;
}

static void read_palette(reader *r)
{
    png_color *entry = NULL;
    int count = 0;
    if (png_get_PLTE(r->png, r->info, &entry, &count) == 0) {
        return;
    }
    for (int i = 0; i < count && i < 256; i++) {
        r->palette[i][0] = entry[i].red;
        r->palette[i][1] = entry[i].green;
        r->palette[i][2] = entry[i].blue;
    }
}

/* Sample i of a row of samples of 1, 2, 4 or 8 bits. */
static unsigned sample_at(const uint8_t *row, int bits, size_t i)
{
    const unsigned per_byte = 8u / (unsigned)bits;
    const unsigned shift = (per_byte - 1 - (unsigned)(i % per_byte)) * (unsigned)bits;
    return (unsigned)row[i / per_byte] >> shift & ((1u << bits) - 1);
}

/* Pixel i of the row -> three bytes. */
static void convert_pixel(const reader *r, size_t i, uint8_t *to)
{
    const size_t first = i * (size_t)r->channels; /* first sample */
    if (r->kind == PNG_COLOR_TYPE_PALETTE) {
        memcpy(to, r->palette[sample_at(r->row, r->bits, i)], 3);
    } else if (r->kind == PNG_COLOR_TYPE_GRAY && r->bits == 16) {
        const uint8_t *s = r->row + 2 * i;
        memset(to, s[0] ? 255 : s[1], 3);
    } else if (r->kind == PNG_COLOR_TYPE_GRAY) {
        const unsigned full = (1u << r->bits) - 1;
        memset(to, (int)(sample_at(r->row, r->bits, i) * (255 / full)), 3);
    } else {
        const size_t step = (size_t)r->bits / 8; /* 16 bits: the first byte is the high one */
        const bool grey = (r->kind & PNG_COLOR_MASK_COLOR) == 0;
        for (size_t c = 0; c < 3; c++) {
            to[c] = r->row[(first + (grey ? 0 : c)) * step];
        }
    }
}

/* Which pixels a pass holds: columns x, x + dx, … of rows y, y + dy, … */
typedef struct pass {
    uint32_t x, y, dx, dy;
} pass;

static const pass whole = {0, 0, 1, 1};
static const pass adam7[7] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                              {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};

static void read_pass(reader *r, pass p)
{
    /* libpng has no rows for a pass without columns. */
    for (uint32_t y = p.y; y < r->height && p.x < r->width; y += p.dy) {
        png_read_row(r->png, r->row, NULL);
        uint8_t *to = r->image.rgb + (size_t)y * r->width * 3;
        if (p.dx == 1 && r->bits == 8 && r->kind == PNG_COLOR_TYPE_RGB) {
            memcpy(to, r->row, (size_t)r->width * 3);
            continue;
        }
        size_t i = 0;
        for (uint32_t x = p.x; x < r->width; x += p.dx) {
            convert_pixel(r, i++, to + 3 * (size_t)x);
        }
    }
}

static alm_status prepare(reader *r)
{
    ALM_TRY(almi_image_check_size(r->name, r->width, r->height));
    const uint64_t row_bits = (uint64_t)r->width * (uint64_t)(r->bits * r->channels);
    const uint64_t bytes = (row_bits + 7) / 8 * r->height;
    if (bytes / DEFLATE_RATIO > r->compressed) {
        return alm_fail(ALM_STATUS_SAMPLE,
                        "page %s: broken PNG: %zu bytes of data cannot hold %u×%u pixels", r->name,
                        r->compressed, (unsigned)r->width, (unsigned)r->height);
    }
    /* libpng writes whole bytes and, for some kinds, up to one pixel of 64 bits more. */
    ALM_TRY(alm_alloc((size_t)((row_bits + 7) / 8) + 8, 1, "a row of a page", &r->row));
    return almi_image_create(r->name, r->width, r->height, &r->image);
}

/* The part that libpng may jump out of. */
static void decode(reader *r)
{
    if (setjmp(r->escape) != 0) {
        return;
    }
    /* All that is not needed is skipped unread: no decompression of profiles and texts. */
    png_set_keep_unknown_chunks(r->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_user_limits(r->png, 0x7FFFFFFF, 0x7FFFFFFF);
    png_set_read_fn(r->png, r, read_bytes);
    png_read_info(r->png, r->info);
    png_get_IHDR(r->png, r->info, &r->width, &r->height, &r->bits, &r->kind, &r->interlace, NULL,
                 NULL);
    r->channels = png_get_channels(r->png, r->info);
    if (r->kind == PNG_COLOR_TYPE_PALETTE) {
        read_palette(r);
    }
    if (r->status == ALM_OK) {
        r->status = prepare(r);
    }
    if (r->status != ALM_OK) {
        return;
    }
    const bool interlaced = r->interlace != PNG_INTERLACE_NONE;
    for (int i = 0; i < (interlaced ? 7 : 1); i++) {
        read_pass(r, interlaced ? adam7[i] : whole);
    }
    png_read_end(r->png, NULL);
}

alm_status almi_png_decode(const uint8_t *data, size_t bytes, const char *name, alm_image *out)
{
    reader *r;
    ALM_TRY(alm_calloc(1, sizeof *r, "a PNG page", &r));
    r->name = name;
    r->data = data;
    r->bytes = bytes;
    alm_status status = walk_chunks(r);
    if (status != ALM_OK) {
        goto done;
    }
    r->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, r, on_error, on_warning, r, allocate,
                                      release);
    r->info = r->png ? png_create_info_struct(r->png) : NULL;
    if (!r->info) {
        status = r->status != ALM_OK
                     ? r->status
                     : alm_fail(ALM_STATUS_INTERNAL, "libpng %s is not the one of the build, %s",
                                png_get_libpng_ver(NULL), PNG_LIBPNG_VER_STRING);
        goto done;
    }
    decode(r);
    status = r->status;
    if (status == ALM_OK) {
        *out = r->image;
        r->image = (alm_image){0};
    }
done:
    png_destroy_read_struct(&r->png, &r->info, NULL);
    alm_image_free(&r->image);
    alm_free(r->row);
    alm_free(r);
    return status;
}
