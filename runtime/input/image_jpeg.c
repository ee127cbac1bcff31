/* JPEG to RGB as Pillow converts it: accurate integer DCT, smooth upsampling, EXIF orientation
 * ignored, the four values of a CMYK or YCCK file inverted whether or not an Adobe marker says so
 * (qwen3vl.md 1).
 *
 * Refused: data that ends before the picture does, damaged entropy-coded data (libjpeg would only
 * warn and invent grey), 12-bit and arithmetic coding, two components, more than SCAN_LIMIT scans.
 */
#include <stdio.h>

#include <jpeglib.h>
#include <jerror.h>
#include <setjmp.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/input/image_parts.h"

/* A progressive file of libjpeg's has 10 scans; each scan costs a pass over the whole picture. */
enum { SCAN_LIMIT = 100 };

/* Everything that lives across the jump out of libjpeg: no local variable does. */
typedef struct reader {
    const char *name;
    const uint8_t *data;
    size_t bytes;
    jmp_buf escape;
    alm_status status;
    struct jpeg_decompress_struct info;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    uint8_t *row; /* one row of CMYK or grey */
    alm_image image;
} reader;

static void leave(reader *r, alm_status status)
{
    r->status = status;
    longjmp(r->escape, 1);
}

static void on_error(j_common_ptr common)
{
    reader *r = common->client_data;
    char text[JMSG_LENGTH_MAX];
    switch (common->err->msg_code) {
    case JERR_OUT_OF_MEMORY:
    case JERR_NO_BACKING_STORE:
        leave(r, alm_fail(ALM_STATUS_MEMORY, "out of memory: decoding JPEG page %s", r->name));
        break;
    case JERR_BAD_PRECISION:
        leave(r, alm_fail(ALM_STATUS_SAMPLE,
                          "page %s: JPEG with %d bits a sample, expected 8; convert it with: "
                          "magick FILE.jpg -depth 8 FILE.png",
                          r->name, r->info.data_precision));
        break;
    default:
        common->err->format_message(common, text);
        leave(r, alm_fail(ALM_STATUS_SAMPLE, "page %s: broken JPEG: %s", r->name, text));
    }
}

/* level -1: a warning. Those after which libjpeg makes pixels up are errors here; the others (odd
 * version numbers, spare bytes between markers) change nothing. */
static void on_message(j_common_ptr common, int level)
{
    if (level >= 0) {
        return;
    }
    switch (common->err->msg_code) {
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC:
    case JWRN_JPEG_EOF: on_error(common); break;
    default: break;
    }
}

static void on_progress(j_common_ptr common)
{
    reader *r = common->client_data;
    if (r->info.input_scan_number > SCAN_LIMIT) {
        leave(r, alm_fail(ALM_STATUS_SAMPLE,
                          "page %s: JPEG with more than %d scans; convert it with: "
                          "jpegtran FILE.jpg > OUT.jpg",
                          r->name, SCAN_LIMIT));
    }
}

static void source_begin(j_decompress_ptr info)
{
    (void)info;
}

static boolean source_fill(j_decompress_ptr info)
{
    reader *r = info->client_data;
    leave(r, alm_fail(ALM_STATUS_SAMPLE, "page %s: cut short: the JPEG goes on after its %zu bytes",
                      r->name, r->bytes));
    return FALSE;
}

static void source_skip(j_decompress_ptr info, long count)
{
    if (count <= 0) {
        return;
    }
    if ((size_t)count > info->src->bytes_in_buffer) {
        source_fill(info);
    }
    info->src->next_input_byte += count;
    info->src->bytes_in_buffer -= (size_t)count;
}

static void source_end(j_decompress_ptr info)
{
    (void)info;
}

/* a·b/255, rounded as Pillow rounds it. */
static unsigned multiply(unsigned a, unsigned b)
{
    const unsigned t = a * b + 128;
    return ((t >> 8) + t) >> 8;
}

static void convert_row(const reader *r, uint8_t *to)
{
    const size_t width = (size_t)r->image.width;
    if (r->info.output_components == 1) {
        for (size_t x = 0; x < width; x++) {
            memset(to + 3 * x, r->row[x], 3);
        }
        return;
    }
    for (size_t x = 0; x < width; x++) {
        const uint8_t *from = r->row + 4 * x; /* inverted C, M, Y, K */
        for (size_t c = 0; c < 3; c++) {
            to[3 * x + c] = (uint8_t)(from[3] - multiply(255u - from[c], from[3]));
        }
    }
}

static alm_status prepare(reader *r)
{
    struct jpeg_decompress_struct *info = &r->info;
    if (info->data_precision != 8) {
        return alm_fail(ALM_STATUS_SAMPLE, "page %s: JPEG with %d bits a sample, expected 8",
                        r->name, info->data_precision);
    }
    if (info->arith_code) {
        return alm_fail(ALM_STATUS_SAMPLE,
                        "page %s: JPEG with arithmetic coding is not read; convert it with: "
                        "jpegtran -optimize FILE.jpg > OUT.jpg",
                        r->name);
    }
    switch (info->num_components) {
    case 1: info->out_color_space = JCS_GRAYSCALE; break;
    case 3: info->out_color_space = JCS_RGB; break;
    case 4: info->out_color_space = JCS_CMYK; break;
    default:
        return alm_fail(ALM_STATUS_SAMPLE, "page %s: JPEG with %d components, expected 1, 3 or 4",
                        r->name, info->num_components);
    }
    info->dct_method = JDCT_ISLOW;
    info->do_fancy_upsampling = TRUE;
    if (info->num_components != 3) {
        ALM_TRY(alm_alloc(info->image_width, 4, "a row of a page", &r->row));
    }
    return almi_image_create(r->name, info->image_width, info->image_height, &r->image);
}

/* The part that libjpeg may jump out of. */
static void decode(reader *r)
{
    if (setjmp(r->escape) != 0) {
        return;
    }
    jpeg_create_decompress(&r->info);
    /* jpeg_create_decompress clears the structure but for err and client_data. */
    r->info.src = &r->source;
    r->info.progress = &r->progress;
    jpeg_read_header(&r->info, TRUE);
    r->status = prepare(r);
    if (r->status != ALM_OK) {
        return;
    }
    jpeg_start_decompress(&r->info);
    while (r->info.output_scanline < r->info.output_height) {
        uint8_t *to = r->image.rgb + (size_t)r->info.output_scanline * r->info.output_width * 3;
        JSAMPROW row = r->row ? r->row : to;
        if (jpeg_read_scanlines(&r->info, &row, 1) != 1) {
            source_fill(&r->info);
        }
        if (r->row) {
            convert_row(r, to);
        }
    }
    jpeg_finish_decompress(&r->info);
}

alm_status almi_jpeg_decode(const uint8_t *data, size_t bytes, const char *name, alm_image *out)
{
    reader *r;
    ALM_TRY(alm_calloc(1, sizeof *r, "a JPEG page", &r));
    r->name = name;
    r->bytes = bytes;
    r->info.err = jpeg_std_error(&r->errors);
    r->info.client_data = r;
    r->errors.error_exit = on_error;
    r->errors.emit_message = on_message;
    r->progress.progress_monitor = on_progress;
    r->source = (struct jpeg_source_mgr){
        .next_input_byte = data,
        .bytes_in_buffer = bytes,
        .init_source = source_begin,
        .fill_input_buffer = source_fill,
        .skip_input_data = source_skip,
        .resync_to_restart = jpeg_resync_to_restart,
        .term_source = source_end,
    };
    decode(r);
    const alm_status status = r->status;
    if (status == ALM_OK) {
        *out = r->image;
        r->image = (alm_image){0};
    }
    jpeg_destroy_decompress(&r->info); /* accepts a structure that was never created */
    alm_image_free(&r->image);
    alm_free(r->row);
    alm_free(r);
    return status;
}
