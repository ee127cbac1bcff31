/* A small RGB picture with smooth lines, discs and text in a stroke font of its own, and its PNG
 * file. Everything is computed in double from the arguments alone, so the same calls give the same
 * bytes.
 */
#ifndef ALM_RUNTIME_OUTPUT_CANVAS_H
#define ALM_RUNTIME_OUTPUT_CANVAS_H

#include <stdint.h>

#include "kernels/core/status.h"
#include "runtime/output/buffer.h"

typedef struct alm_colour {
    uint8_t red, green, blue;
} alm_colour;

typedef struct alm_canvas {
    int width, height;
    uint8_t *rgb; /* [height, width, 3] */
} alm_canvas;

/* White. Error: ALM_STATUS_MEMORY. */
alm_status alm_canvas_create(int width, int height, alm_canvas *out);
void alm_canvas_free(alm_canvas *canvas); /* resets it */

/* Coordinates in pixels, x to the right, y down; what lies outside is left out. */
void alm_canvas_line(alm_canvas *canvas, double x0, double y0, double x1, double y1, double width,
                     alm_colour colour);
void alm_canvas_disc(alm_canvas *canvas, double x, double y, double radius, alm_colour colour);

/* Capitals and figures of this height with the base line at y; small letters are drawn as capitals,
 * what the font lacks as '?' (one for each UTF-8 character). */
void alm_canvas_text(alm_canvas *canvas, double x, double y, double height, const char *text,
                     alm_colour colour);
double alm_canvas_text_width(double height, const char *text);

/* A picture [height, width, 3], scaled to fit into a box and centred in it. The box lies within the
 * canvas. */
void alm_canvas_picture(alm_canvas *canvas, int left, int top, int box_width, int box_height,
                        const uint8_t *rgb, int width, int height);

/* Appends the PNG file. Error: ALM_STATUS_MEMORY. */
alm_status alm_canvas_png(const alm_canvas *canvas, alm_buffer *out);

#endif
