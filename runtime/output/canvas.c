/* Lines, discs and letters by their distance: a pixel is covered as far as its centre lies inside.
 * The PNG is written by libpng into memory, without time stamps or texts. */
#include "runtime/output/canvas.h"

#include <math.h>
#include <png.h>
#include <setjmp.h>
#include <stdbool.h>
#include <string.h>

#include "kernels/core/memory.h"

alm_status alm_canvas_create(int width, int height, alm_canvas *out)
{
    uint8_t *rgb;
    const size_t pixels = (size_t)width * (size_t)height;
    ALM_TRY(alm_alloc(pixels, 3, "a picture", &rgb));
    memset(rgb, 255, 3 * pixels);
    *out = (alm_canvas){.width = width, .height = height, .rgb = rgb};
    return ALM_OK;
}

void alm_canvas_free(alm_canvas *canvas)
{
    if (canvas) {
        alm_free(canvas->rgb);
        *canvas = (alm_canvas){0};
    }
}

static void blend(uint8_t *pixel, alm_colour colour, double cover)
{
    const uint8_t over[3] = {colour.red, colour.green, colour.blue};
    for (int c = 0; c < 3; c++) {
        pixel[c] = (uint8_t)lrint(pixel[c] + (over[c] - pixel[c]) * cover);
    }
}

static int clamp(double value, int limit)
{
    return value < 0 ? 0 : value > limit ? limit : (int)value;
}

void alm_canvas_line(alm_canvas *canvas, double x0, double y0, double x1, double y1, double width,
                     alm_colour colour)
{
    const double radius = width / 2, dx = x1 - x0, dy = y1 - y0, square = dx * dx + dy * dy;
    const int left = clamp(fmin(x0, x1) - radius - 1, canvas->width);
    const int right = clamp(fmax(x0, x1) + radius + 2, canvas->width);
    const int top = clamp(fmin(y0, y1) - radius - 1, canvas->height);
    const int bottom = clamp(fmax(y0, y1) + radius + 2, canvas->height);
    for (int y = top; y < bottom; y++) {
        for (int x = left; x < right; x++) {
            const double px = x + 0.5 - x0, py = y + 0.5 - y0;
            const double along = square > 0 ? fmin(fmax((px * dx + py * dy) / square, 0), 1) : 0;
            const double cover = radius + 0.5 - hypot(px - along * dx, py - along * dy);
            if (cover > 0) {
                blend(canvas->rgb + 3 * ((size_t)y * (size_t)canvas->width + (size_t)x), colour,
                      fmin(cover, 1));
            }
        }
    }
}

void alm_canvas_disc(alm_canvas *canvas, double x, double y, double radius, alm_colour colour)
{
    alm_canvas_line(canvas, x, y, x, y, 2 * radius, colour);
}

/* ---- Text */

/* Points of the strokes: two figures each, x in 0..4 and y in 0..6 above the base line; a comma
 * lifts the pen. */
static const char *const letters[26] = {
    "0003264340,0242",           /* A */
    "00063645443303,3342413000", /* B */
    "4536160501103041",          /* C */
    "00062644422000",            /* D */
    "46060040,0333",             /* E */
    "460600,0333",               /* F */
    "45361605011030414323",      /* G */
    "0006,4046,0343",            /* H */
    "0006",                      /* I */
    "3631201001",                /* J */
    "0006,4602,1340",            /* K */
    "060040",                    /* L */
    "0006234640",                /* M */
    "00064046",                  /* N */
    "160501103041453616",        /* O */
    "00063645443303",            /* P */
    "160501103041453616,2240",   /* Q */
    "00063645443303,2340",       /* R */
    "453616050413334241301001",  /* S */
    "0646,2620",                 /* T */
    "060110304146",              /* U */
    "062046",                    /* V */
    "0610233046",                /* W */
    "0046,0640",                 /* X */
    "062346,2320",               /* Y */
    "06460040",                  /* Z */
};
static const char *const figures[10] = {
    "160501103041453616",          "051610",   "05163645440040",
    "05163645443323,334241301001", "30360242", "460603334241301001",
    "4536160501103041423303",      "064610",   "13040516364544331302011030414233",
    "0110304145361605041343",
};

static const char *strokes_of(char c)
{
    if (c >= 'a' && c <= 'z') {
        return letters[c - 'a'];
    }
    if (c >= 'A' && c <= 'Z') {
        return letters[c - 'A'];
    }
    if (c >= '0' && c <= '9') {
        return figures[c - '0'];
    }
    switch (c) {
    case ' ': return "";
    case '-': return "0333";
    case '_': return "0040";
    case '.': return "0000"; /* a dot: a stroke from a point to itself */
    case ',': return "1100";
    case ':': return "0101,0404";
    case '/': return "0046";
    case '(': return "26151120";
    case ')': return "06151100";
    case '+': return "0343,2521";
    case '=': return "0242,0444";
    case '\'': return "0604";
    default: return "0516364544332322,2020";
    }
}

/* Columns that a letter takes; a blank is as wide as a narrow letter. */
static int columns_of(const char *strokes)
{
    int most = strokes[0] ? 0 : 2;
    for (const char *s = strokes; s[0] && s[1]; s += s[0] == ',' ? 1 : 2) {
        most = s[0] != ',' && s[0] - '0' > most ? s[0] - '0' : most;
    }
    return most;
}

/* The next character of UTF-8 as ASCII. */
static char next_character(const char **text)
{
    const char c = *(*text)++;
    while (((unsigned char)**text & 0xC0) == 0x80) {
        (*text)++;
    }
    return c;
}

double alm_canvas_text_width(double height, const char *text)
{
    double columns = 0;
    while (*text) {
        columns += columns_of(strokes_of(next_character(&text))) + 2;
    }
    return columns > 0 ? (columns - 2) * height / 6 : 0;
}

void alm_canvas_text(alm_canvas *canvas, double x, double y, double height, const char *text,
                     alm_colour colour)
{
    const double unit = height / 6, width = fmax(0.14 * height, 1.2);
    while (*text) {
        const char *strokes = strokes_of(next_character(&text));
        bool down = false;
        double from_x = 0, from_y = 0;
        for (const char *s = strokes; *s; s += *s == ',' ? 1 : 2) {
            if (*s == ',') {
                down = false;
                continue;
            }
            const double to_x = x + (s[0] - '0') * unit, to_y = y - (s[1] - '0') * unit;
            if (down) {
                alm_canvas_line(canvas, from_x, from_y, to_x, to_y, width, colour);
            }
            down = true;
            from_x = to_x;
            from_y = to_y;
        }
        x += (columns_of(strokes) + 2) * unit;
    }
}

/* ---- PNG */

/* Everything that lives across the jump out of libpng. */
typedef struct writer {
    const alm_canvas *canvas;
    alm_buffer *out;
    jmp_buf escape;
    alm_status status;
    png_struct *png;
    png_info *info;
} writer;

static void on_error(png_struct *png, const char *text)
{
    writer *w = png_get_error_ptr(png);
    if (w->status == ALM_OK) {
        w->status = alm_fail(ALM_STATUS_INTERNAL, "libpng cannot write a picture: %s", text);
    }
    longjmp(w->escape, 1);
}

static void on_warning(png_struct *png, const char *text)
{
    (void)png;
    (void)text;
}

static png_voidp allocate(png_struct *png, png_alloc_size_t bytes)
{
    writer *w = png_get_mem_ptr(png);
    void *block;
    const alm_status status = alm_alloc(bytes, 1, "a picture file", &block);
    if (status != ALM_OK) {
        w->status = status;
        return NULL;
    }
    return block;
}

static void release(png_struct *png, png_voidp block)
{
    (void)png;
    alm_free(block);
}

static void write_bytes(png_struct *png, png_byte *data, size_t count)
{
    writer *w = png_get_io_ptr(png);
    alm_buffer_add(w->out, data, count);
    if (w->out->status != ALM_OK) {
        w->status = w->out->status;
        png_error(png, "no memory");
    }
}

static void flush_bytes(png_struct *png)
{
    (void)png;
}

static void encode(writer *w)
{
    if (setjmp(w->escape) != 0) {
        return;
    }
    const alm_canvas *c = w->canvas;
    png_set_write_fn(w->png, w, write_bytes, flush_bytes);
    png_set_IHDR(w->png, w->info, (png_uint_32)c->width, (png_uint_32)c->height, 8,
                 PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(w->png, w->info);
    for (int y = 0; y < c->height; y++) {
        png_write_row(w->png, c->rgb + (size_t)y * (size_t)c->width * 3);
    }
    png_write_end(w->png, NULL);
}

alm_status alm_canvas_png(const alm_canvas *canvas, alm_buffer *out)
{
    writer *w;
    ALM_TRY(alm_calloc(1, sizeof *w, "a picture file", &w));
    w->canvas = canvas;
    w->out = out;
    w->png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, w, on_error, on_warning, w, allocate,
                                       release);
    w->info = w->png ? png_create_info_struct(w->png) : NULL;
    if (w->info) {
        encode(w);
    } else if (w->status == ALM_OK) {
        w->status = alm_fail(ALM_STATUS_INTERNAL, "libpng %s is not the one of the build, %s",
                             png_get_libpng_ver(NULL), PNG_LIBPNG_VER_STRING);
    }
    const alm_status status = w->status;
    png_destroy_write_struct(&w->png, &w->info);
    alm_free(w);
    return status;
}
