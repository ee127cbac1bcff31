/* Pages: pixels equal Pillow's (golden/images, golden/images_more), and everything that is not a
 * whole picture of a known kind is refused by name. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "kernels/core/memory.h"
#include "runtime/input/image.h"
#include "runtime/input/state.h"
#include "tests/shim/alm_test.h"

/* Bytes of a file that a test changes. */
typedef struct blob {
    uint8_t *data;
    size_t bytes;
} blob;

static blob load(const char *folder, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    blob b = {0};
    b.data = alm_test_read(alm_test_golden(path), &b.bytes);
    return b;
}

/* The bytes with `count` more at `at`. */
static blob inserted(blob b, size_t at, const void *what, size_t count)
{
    blob r = {malloc(b.bytes + count), b.bytes + count};
    memcpy(r.data, b.data, at);
    memcpy(r.data + at, what, count);
    memcpy(r.data + at + count, b.data + at, b.bytes - at);
    return r;
}

/* Index of the bytes; the end when they are not there. */
static size_t find(blob b, const char *what, size_t count)
{
    for (size_t i = 0; i + count <= b.bytes; i++) {
        if (memcmp(b.data + i, what, count) == 0) {
            return i;
        }
    }
    return b.bytes;
}

static void expect_refused(blob b, const char *part)
{
    alm_image image = {-1, -1, NULL};
    ALM_CHECK_STATUS(alm_image_decode(b.data, b.bytes, "p", &image), ALM_STATUS_SAMPLE);
    ALM_CHECK_TEXT(alm_error_message(), "page p: ");
    ALM_CHECK_TEXT(alm_error_message(), part);
    ALM_CHECK(image.width == -1 && !image.rgb); /* written only on success */
}

/* Calls visit for every picture of a folder of golden data. */
static void each_file(const char *folder, void (*visit)(const char *folder, const char *name))
{
    DIR *dir = opendir(alm_test_golden(folder));
    ALM_REQUIRE(dir);
    int count = 0;
    for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
        const char *dot = strrchr(e->d_name, '.');
        if (dot && (!strcmp(dot, ".png") || !strcmp(dot, ".jpg") || !strcmp(dot, ".webp"))) {
            visit(folder, e->d_name);
            count++;
        }
    }
    closedir(dir);
    ALM_CHECK(count >= 18);
}

static const alm_state *golden;

static const alm_state_tensor *tensor(const char *name, const char *part)
{
    char key[256];
    snprintf(key, sizeof key, "%s/%s", name, part);
    return alm_state_find(golden, key);
}

static int64_t integer(const alm_state_tensor *t, int64_t i)
{
    return t->desc.dtype == ALM_DTYPE_I64 ? ((const int64_t *)t->data)[i]
                                          : ((const int32_t *)t->data)[i];
}

static void check_golden(const char *folder, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    const alm_state_tensor *rgb = tensor(name, "rgb"), *thw = tensor(name, "grid_thw"),
                           *rows = tensor(name, "patch_bytes");
    ALM_REQUIRE(rgb && thw && rows);
    alm_image image;
    ALM_REQUIRE_OK(alm_image_read(alm_test_golden(path), &image));
    ALM_CHECK_INT(image.height, rgb->desc.dim[0]);
    ALM_CHECK_INT(image.width, rgb->desc.dim[1]);
    if (image.height == rgb->desc.dim[0] && image.width == rgb->desc.dim[1] &&
        memcmp(image.rgb, rgb->data, (size_t)alm_desc_count(&rgb->desc)) != 0) {
        ALM_FAIL("%s: other pixels than Pillow's", name);
    }
    const alm_page_rule rule = {16, 2, 2, 4096, 36864}; /* golden/tiny/model/base */
    alm_grid grid;
    ALM_REQUIRE_OK(alm_page_grid(&rule, image.width, image.height, name, &grid));
    ALM_CHECK_INT(grid.rows, integer(thw, alm_desc_count(&thw->desc) - 2));
    ALM_CHECK_INT(grid.columns, integer(thw, alm_desc_count(&thw->desc) - 1));
    const size_t bytes = (size_t)(grid.rows * grid.columns) * 1536;
    uint8_t *got = malloc(bytes);
    ALM_REQUIRE_OK(alm_page_patches(&rule, &image, grid, got));
    if (bytes != (size_t)alm_desc_count(&rows->desc) || memcmp(got, rows->data, bytes) != 0) {
        ALM_FAIL("%s: other patches than the processor's", name);
    }
    free(got);
    alm_image_free(&image);
    ALM_CHECK(!image.rgb);
}

ALM_TEST(image, equals_golden)
{
    alm_state *state;
    ALM_REQUIRE_OK(alm_state_open(alm_test_golden("images/expected.safetensors"), &state));
    golden = state;
    each_file("images", check_golden);
    golden = NULL;
    alm_state_close(state);
}

ALM_TEST(image, equals_pillow_for_more_kinds)
{
    FILE *list = fopen(alm_test_golden("images_more/expected.txt"), "r");
    ALM_REQUIRE(list);
    char name[100];
    int width, height, rows, columns, cases = 0;
    long long least, most;
    unsigned crc_rgb, crc_rows;
    while (fscanf(list, "%99s %d %d %lld %lld %d %d %x %x", name, &width, &height, &least, &most,
                  &rows, &columns, &crc_rgb, &crc_rows) == 9) {
        char path[256];
        snprintf(path, sizeof path, "images_more/%s", name);
        alm_image image;
        ALM_REQUIRE_OK(alm_image_read(alm_test_golden(path), &image));
        ALM_CHECK_INT(image.width, width);
        ALM_CHECK_INT(image.height, height);
        const size_t pixels = (size_t)image.width * (size_t)image.height;
        if (crc32(0, image.rgb, (uInt)(3 * pixels)) != crc_rgb) {
            ALM_FAIL("%s: other pixels than Pillow's", name);
        }
        const alm_page_rule rule = {16, 2, 2, least, most};
        alm_grid grid;
        ALM_REQUIRE_OK(alm_page_grid(&rule, width, height, name, &grid));
        ALM_CHECK_INT(grid.rows, rows);
        ALM_CHECK_INT(grid.columns, columns);
        const size_t bytes = (size_t)(grid.rows * grid.columns) * 1536;
        uint8_t *got = malloc(bytes);
        ALM_REQUIRE_OK(alm_page_patches(&rule, &image, grid, got));
        if (crc32(0, got, (uInt)bytes) != crc_rows) {
            ALM_FAIL("%s, areas %lld to %lld: other patches", name, least, most);
        }
        free(got);
        alm_image_free(&image);
        cases++;
    }
    fclose(list);
    ALM_CHECK_INT(cases, 3 * 28);
}

/* ---- Refusals ---- */

/* Every prefix of a file of at most 2 KiB, some of the others. */
static void check_truncations(const char *folder, const char *name)
{
    const blob b = load(folder, name);
    ALM_REQUIRE(b.data);
    const size_t step = b.bytes < 2048 ? 1 : b.bytes / 97;
    for (size_t n = 0; n < b.bytes; n += step) {
        /* An allocation of just this size, so that a sanitizer sees what lies behind it. */
        uint8_t *part = malloc(n ? n : 1);
        memcpy(part, b.data, n);
        alm_image image = {0};
        const alm_status status = alm_image_decode(part, n, name, &image);
        if (status != ALM_STATUS_SAMPLE) {
            ALM_FAIL("%s: the first %zu of %zu bytes: %s", name, n, b.bytes,
                     alm_status_name(status));
        }
        alm_image_free(&image);
        free(part);
    }
    free(b.data);
}

ALM_TEST(image, refuses_truncated_files)
{
    each_file("images", check_truncations);
    each_file("images_more", check_truncations);
}

/* Whatever happens to a file, the answer is a picture or a refusal. */
static void check_mutations(const char *folder, const char *name)
{
    const blob b = load(folder, name);
    ALM_REQUIRE(b.data);
    for (int round = 0; b.bytes < 16384 && round < 60; round++) {
        uint8_t *copy = malloc(b.bytes);
        memcpy(copy, b.data, b.bytes);
        for (uint64_t k = 0; k <= alm_test_random() % 4; k++) {
            /* Half of the changes hit the headers. */
            const uint64_t range = alm_test_random() % 2 && b.bytes > 64 ? 64 : b.bytes;
            copy[alm_test_random() % range] = (uint8_t)alm_test_random();
        }
        alm_image image = {0};
        const alm_status status = alm_image_decode(copy, b.bytes, name, &image);
        ALM_CHECK(status == ALM_OK || status == ALM_STATUS_SAMPLE);
        alm_image_free(&image);
        free(copy);
    }
    free(b.data);
}

ALM_TEST(image, survives_mutations)
{
    each_file("images", check_mutations);
    each_file("images_more", check_mutations);
}

ALM_TEST(image, refuses_other_formats_by_name)
{
    static const struct {
        const char *bytes;
        size_t count;
        const char *format, *command;
    } cases[] = {
        {"GIF89a\1\0\1\0", 10, "is GIF", "magick"},
        {"%PDF-1.7\n", 9, "is PDF", "pdftoppm"},
        {"II*\0\x08\0\0\0", 8, "is TIFF", "magick"},
        {"MM\0*\0\0\0\x08", 8, "is TIFF", "magick"},
        {"BM\x46\0\0\0\0\0", 8, "is BMP", "magick"},
        {"\0\0\0\x18"
         "ftypheic\0\0\0\0",
         16, "is HEIC", "heif-convert"},
        {"\0\0\0\x1c"
         "ftypavif\0\0\0\0",
         16, "is AVIF", "avifdec"},
        {"\0\0\0\x0CJXL \r\n\x87\n", 12, "is JPEG XL", "djxl"},
        {"<?xml version='1.0'?>\n<!-- x -->\n<svg width='1'/>", 50, "is SVG", "rsvg-convert"},
        {"\xEF\xBB\xBF <svg/>", 10, "is SVG", "rsvg-convert"},
        {"P6\n1 1\n255\nabc", 14, "is PNM", "pnmtopng"},
        {"hello", 5, "is not a PNG, JPEG or WebP picture", ""},
        {"\x89P", 2, "is not a PNG, JPEG or WebP picture", ""},
        {"", 0, "is empty", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        blob b = {malloc(cases[i].count + 1), cases[i].count};
        memcpy(b.data, cases[i].bytes, b.bytes);
        expect_refused(b, cases[i].format);
        ALM_CHECK_TEXT(alm_error_message(), cases[i].command);
        free(b.data);
    }
    ALM_CHECK_STATUS(alm_image_read(alm_test_golden("images/no_such_page.png"), &(alm_image){0}),
                     ALM_STATUS_SAMPLE);
    ALM_CHECK_TEXT(alm_error_message(), "page: ");
    ALM_CHECK_TEXT(alm_error_message(), "no_such_page.png: No such file");
}

static void put32(uint8_t *at, uint32_t v)
{
    at[0] = (uint8_t)(v >> 24);
    at[1] = (uint8_t)(v >> 16);
    at[2] = (uint8_t)(v >> 8);
    at[3] = (uint8_t)v;
}

/* Changes the header of a PNG, its check sum too. */
static blob png_header(uint32_t width, uint32_t height, int bits, int kind)
{
    blob b = load("images_more", "rgb8_1x1.png");
    put32(b.data + 16, width);
    put32(b.data + 20, height);
    b.data[24] = (uint8_t)bits;
    b.data[25] = (uint8_t)kind;
    put32(b.data + 29, (uint32_t)crc32(0, b.data + 12, 17));
    return b;
}

static void refuse_png(uint32_t width, uint32_t height, int bits, int kind, const char *part)
{
    const blob b = png_header(width, height, bits, kind);
    expect_refused(b, part);
    free(b.data);
}

ALM_TEST(image, refuses_png_headers_that_lie)
{
    refuse_png(65535, 65535, 8, 2, "65535×65535 pixels, more than 89478485");
    refuse_png(0x7FFFFFFF, 1, 8, 2, "2147483647×1 pixels, more than");
    refuse_png(9000, 9000, 8, 2, "cannot hold 9000×9000 pixels");
    refuse_png(0, 1, 8, 2, "broken PNG");
    refuse_png(0x80000000u, 1, 8, 2, "broken PNG");
    refuse_png(2, 2, 8, 2, "broken PNG"); /* not enough data */
    refuse_png(1, 1, 3, 2, "broken PNG"); /* depth */
    refuse_png(1, 1, 8, 3, "broken PNG"); /* a palette is missing */
    refuse_png(1, 1, 8, 7, "broken PNG");
}

ALM_TEST(image, refuses_png_chunks_that_lie)
{
    const blob b = load("images_more", "rgb8_1x1.png");
    /* Chunks with a text stand before the data; the check sum does not matter to the walk. */
    const blob animated = inserted(b, 33,
                                   "\0\0\0\x08"
                                   "acTL\0\0\0\2\0\0\0\0\0\0\0\0",
                                   20);
    expect_refused(animated, "is an animated PNG");
    free(animated.data);
    const blob huge = inserted(b, 33, "\xFF\xFF\xFF\xFFtEXt", 8);
    expect_refused(huge, "cut short");
    free(huge.data);
    const blob critical = inserted(b, 33, "\0\0\0\0QQQQ\0\0\0\0", 12);
    expect_refused(critical, "broken PNG");
    free(critical.data);
    b.data[40] ^= 1; /* type of the data */
    expect_refused(b, "broken PNG");
    b.data[4] = '\n'; /* a copy in text mode loses \r */
    expect_refused(b, "signature");
    free(b.data);
}

ALM_TEST(image, skips_png_texts_unread)
{
    /* A compressed text that claims to be large is never inflated: the page is read. */
    const blob b = load("images_more", "rgb8_1x1.png");
    uint8_t text[12 + 12] = "\0\0\0\x0CzTXtkey\0\0xxxxxxx";
    put32(text + 20, (uint32_t)crc32(0, text + 4, 16));
    const blob with = inserted(b, 33, text, sizeof text);
    alm_image image = {0};
    ALM_CHECK_STATUS(alm_image_decode(with.data, with.bytes, "p", &image), ALM_OK);
    alm_image_free(&image);
    free(with.data);
    free(b.data);
}

static void refuse_jpeg(const char *name, size_t offset, const void *what, size_t count,
                        const char *part)
{
    const blob b = load("images_more", name);
    size_t frame = find(b, "\xFF\xC0", 2);
    frame = frame < b.bytes ? frame : find(b, "\xFF\xC2", 2);
    memcpy(b.data + frame + offset, what, count);
    expect_refused(b, part);
    free(b.data);
}

ALM_TEST(image, refuses_jpeg_headers_that_lie)
{
    const char *base = "jpeg422_restart_45x38.jpg", *progressive = "jpeg420_prog_61x47.jpg";
    refuse_jpeg(base, 4, "\x0C", 1, "12 bits a sample");
    refuse_jpeg(base, 1, "\xC9", 1, "arithmetic coding");
    refuse_jpeg(base, 1, "\xC3", 1, "broken JPEG"); /* lossless */
    refuse_jpeg(base, 5, "\xFF\x00\xFF\x00", 4, "65280×65280 pixels, more than");
    refuse_jpeg(progressive, 5, "\xFF\x00\xFF\x00", 4, "65280×65280 pixels, more than");
    refuse_jpeg(base, 5, "\0\0", 2, "broken JPEG"); /* height 0 */
    refuse_jpeg(base, 7, "\0\0", 2, "broken JPEG");
    refuse_jpeg(base, 9, "\5", 1, "broken JPEG");
    refuse_jpeg(base, 11, "\x55", 1, "broken JPEG");
    refuse_jpeg(base, 5, "\x10\0\x10\0", 4, "broken JPEG"); /* the data ends early */
    refuse_jpeg(progressive, 5, "\x10\0\x10\0", 4, "broken JPEG");
}

ALM_TEST(image, refuses_a_thousand_scans)
{
    const blob b = load("images_more", "jpeg_grey_prog_31x29.jpg");
    ALM_REQUIRE(b.data);
    /* The first scan, of the constant terms, may be sent again and again. */
    const size_t first = find(b, "\xFF\xDA", 2);
    size_t end = first + 2;
    while (b.data[end] != 0xFF || b.data[end + 1] == 0) {
        end++;
    }
    const size_t scan = end - first;
    uint8_t *scans = malloc(1000 * scan);
    for (size_t i = 0; i < 1000; i++) {
        memcpy(scans + i * scan, b.data + first, scan);
    }
    const blob many = inserted(b, first, scans, 1000 * scan);
    expect_refused(many, "more than 100 scans");
    const blob some = inserted(b, first, scans, 50 * scan);
    alm_image image = {0};
    ALM_CHECK_STATUS(alm_image_decode(some.data, some.bytes, "p", &image), ALM_OK);
    alm_image_free(&image);
    free(many.data);
    free(some.data);
    free(scans);
    free(b.data);
}

ALM_TEST(image, refuses_damaged_jpeg_data)
{
    const blob b = load("images_more", "jpeg422_restart_45x38.jpg");
    const size_t scan = find(b, "\xFF\xDA", 2);
    memset(b.data + scan + 20, 0xFF, 8);
    b.data[scan + 28] = 0xD9; /* an end marker in the middle: libjpeg would fill with grey */
    expect_refused(b, "broken JPEG");
    free(b.data);
    const blob plain = load("images", "jpeg420_99x131.jpg");
    memcpy(plain.data + plain.bytes / 2, "\xFF\xD9", 2);
    expect_refused(plain, "premature end of data segment");
    free(plain.data);
}

ALM_TEST(image, refuses_odd_webp)
{
    const blob animated = load("images_more", "animated.webp");
    expect_refused(animated, "is an animated WebP");
    free(animated.data);
    const blob b = load("images_more", "webp_lossless_29x17.webp");
    memset(b.data + 21, 0xFF, 4); /* 16384×16384 by the header */
    expect_refused(b, "page p: ");
    free(b.data);
    const blob c = load("images_more", "webp_lossy_61x35.webp");
    memcpy(c.data + 12, "ABCD", 4);
    expect_refused(c, "broken WebP");
    free(c.data);
}

ALM_TEST(image, takes_a_page_of_one_by_many)
{
    alm_image image;
    ALM_REQUIRE_OK(
        alm_image_read(alm_test_golden("images_more/rgb8_interlaced_1x200.png"), &image));
    const alm_page_rule rule = {16, 2, 2, 65536, 16777216};
    alm_grid grid;
    ALM_CHECK_STATUS(alm_page_grid(&rule, 1, 201, "p", &grid), ALM_STATUS_SAMPLE);
    ALM_CHECK_TEXT(alm_error_message(), "page p: is 1×201 pixels: one side is over 200 times");
    ALM_CHECK_STATUS(alm_page_grid(&rule, 65535, 1, "p", &grid), ALM_STATUS_SAMPLE);
    ALM_CHECK_STATUS(alm_page_grid(&rule, 0, 5, "p", &grid), ALM_STATUS_SAMPLE);
    ALM_CHECK_STATUS(alm_page_grid(&rule, image.width, image.height, "p", &grid), ALM_OK);
    alm_image_free(&image);
}
