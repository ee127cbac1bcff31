/* SVG charts (report_chart.h). */
#include "runtime/eval/report_chart.h"

#include <math.h>
#include <string.h>

/* A frame of a chart in user units, and what its sides mean. */
typedef struct frame {
    double width, height, left, right, top,
        bottom;        /* of the plot, from the picture's left and top */
    double x0, x1, y1; /* x at left and right, y at top; y is 0 below */
    alm_buffer *out;
} frame;

const char *almi_chart_colour(int k)
{
    /* Okabe & Ito 2008: told apart by colour-blind readers too. */
    static const char *const colour[] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                         "#E69F00", "#56B4E9", "#7F7F7F", "#8C564B"};
    return colour[k % 8];
}

static double at_x(const frame *f, double x)
{
    return f->left + (x - f->x0) / (f->x1 - f->x0) * (f->right - f->left);
}

static double at_y(const frame *f, double y)
{
    return f->bottom - y / f->y1 * (f->bottom - f->top);
}

static void put_attribute(alm_buffer *o, const char *name, double value)
{
    alm_buffer_format(o, " %s=\"", name);
    almi_put_fixed(o, value, 1);
    alm_buffer_text(o, "\"");
}

static void put_line(alm_buffer *o, const char *class, double x0, double y0, double x1, double y1)
{
    alm_buffer_format(o, "<line class=\"%s\"", class);
    put_attribute(o, "x1", x0);
    put_attribute(o, "y1", y0);
    put_attribute(o, "x2", x1);
    put_attribute(o, "y2", y1);
    alm_buffer_text(o, "/>");
}

static void begin_label(alm_buffer *o, const char *class, double x, double y)
{
    alm_buffer_format(o, "<text class=\"%s\"", class);
    put_attribute(o, "x", x);
    put_attribute(o, "y", y);
    alm_buffer_text(o, ">");
}

static void put_label(alm_buffer *o, const char *class, double x, double y, const char *text)
{
    begin_label(o, class, x, y);
    almi_put_html(o, text);
    alm_buffer_text(o, "</text>");
}

static void put_rectangle(alm_buffer *o, const char *class, double x, double y, double width,
                          double height)
{
    alm_buffer_format(o, "<rect class=\"%s\"", class);
    put_attribute(o, "x", x);
    put_attribute(o, "y", y);
    put_attribute(o, "width", width);
    put_attribute(o, "height", height);
    alm_buffer_text(o, "/>");
}

/* Opens the picture: frame, horizontal grid with percentages, title below the x axis. */
static void begin_chart(frame *f, double width, double height, const char *title)
{
    alm_buffer *o = f->out;
    f->width = width;
    f->height = height;
    f->left = 42;
    f->right = width - 12;
    f->top = 12;
    f->bottom = height - 40;
    alm_buffer_format(o, "<svg class=\"chart\" role=\"img\" viewBox=\"0 0 %d %d\"><title>",
                      (int)width, (int)height);
    almi_put_html(o, title);
    alm_buffer_text(o, "</title>");
    for (int k = 0; k <= 4; k++) {
        const double y = f->y1 * k / 4;
        put_line(o, k ? "grid" : "axis", f->left, at_y(f, y), f->right, at_y(f, y));
        begin_label(o, "end", f->left - 5, at_y(f, y) + 4);
        almi_put_rounded(o, 100 * y, 4);
        alm_buffer_text(o, k == 4 ? " %</text>" : "</text>");
    }
    put_label(o, "mid name", (f->left + f->right) / 2, height - 6, title);
}

static void end_chart(frame *f)
{
    alm_buffer_text(f->out, "</svg>\n");
}

static void put_angle_axis(frame *f)
{
    for (int degrees = 0; degrees <= 180; degrees += 30) {
        const double x = at_x(f, degrees);
        put_line(f->out, "axis", x, f->bottom, x, f->bottom + 4);
        begin_label(f->out, "mid", x, f->bottom + 16);
        alm_buffer_format(f->out, "%d\xC2\xB0</text>", degrees);
    }
}

/* x in decades; thresholds: those of PA as dashed lines. */
static void put_log_axis(frame *f, int least, int most, bool thresholds)
{
    /* log10 of 0.005, 0.008, 0.01 */
    static const double threshold[3] = {-2.3010299956639813, -2.0969100130080562, -2};
    for (int k = least; k <= most; k++) {
        const double x = at_x(f, k);
        put_line(f->out, "axis", x, f->bottom, x, f->bottom + 4);
        begin_label(f->out, "mid", x, f->bottom + 16);
        if (k == 0 || k == 1) {
            alm_buffer_text(f->out, k ? "10</text>" : "1</text>");
        } else {
            alm_buffer_format(f->out, "1e%d</text>", k);
        }
    }
    for (int k = 0; k < 3 && thresholds; k++) {
        const double x = at_x(f, threshold[k]);
        put_line(f->out, "threshold", x, f->top, x, f->bottom);
    }
}

/* ---- Curves */

static void put_curve(frame *f, const int64_t *curve, int points, int64_t count, double x0,
                      double step, const char *colour)
{
    alm_buffer_format(f->out, "<polyline class=\"curve\" style=\"stroke:%s\" points=\"", colour);
    for (int k = 0; k < points; k++) {
        /* Straight parts need their ends only. */
        const bool same =
            k > 0 && k + 1 < points && curve[k] == curve[k - 1] && curve[k] == curve[k + 1];
        if (!same) {
            almi_put_fixed(f->out, at_x(f, x0 + k * step), 1);
            alm_buffer_text(f->out, ",");
            almi_put_fixed(f->out, at_y(f, (double)curve[k] / (double)count), 1);
            alm_buffer_text(f->out, " ");
        }
    }
    alm_buffer_text(f->out, "\"/>");
}

void almi_chart_curves(alm_buffer *out, const almi_report *report, const almi_split *split,
                       int spread)
{
    const bool square = spread == ALMI_SPREAD_CD;
    frame f = {.x0 = square ? ALMI_SQUARE_LEAST : 0,
               .x1 = square ? ALMI_SQUARE_MOST : 180,
               .y1 = 1,
               .out = out};
    begin_chart(&f, 400, 250,
                square                               ? "share of rows with CD below x"
                : spread == ALMI_SPREAD_SYMMETRIC_GD ? "share of rows with symmetric GD up to x"
                                                     : "share of rows with GD up to x");
    if (square) {
        put_log_axis(&f, ALMI_SQUARE_LEAST, ALMI_SQUARE_MOST, true);
    } else {
        put_angle_axis(&f);
    }
    for (int k = 0; k < split->count; k++) {
        const almi_summary *s = &report->group[split->first + k].summary;
        if (s->values[spread]) {
            put_curve(&f, s->curve[spread], square ? ALMI_SQUARE_POINTS : ALMI_ANGLE_POINTS,
                      s->values[spread], f.x0, square ? 0.05 : 1, almi_chart_colour(k));
        }
    }
    end_chart(&f);
}

/* ---- PA with intervals */

/* At most so many characters of a name. */
static void put_short_name(alm_buffer *out, double x, double y, const char *name, int most)
{
    char text[80] = ""; /* of 14 characters of 4 bytes */
    size_t bytes = 0;
    for (int k = 0; k < most && name[bytes] && bytes + 8 < sizeof text; k++) {
        do {
            text[bytes] = name[bytes];
            bytes++;
        } while (((unsigned char)name[bytes] & 0xC0) == 0x80 && bytes + 8 < sizeof text);
    }
    if (name[bytes]) {
        memcpy(text + bytes, "...", 4);
    }
    put_label(out, "mid", x, y, text);
}

void almi_chart_accuracy(alm_buffer *out, const almi_report *report, const almi_split *split)
{
    static const int measure[3] = {ALM_METRIC_PA_010, ALM_METRIC_PA_008, ALM_METRIC_PA_005};
    static const char *const class[3] = {"bar a", "bar b", "bar c"};
    const int slots = split->count > 3 ? split->count : 3;
    frame f = {.x0 = 0, .x1 = slots, .y1 = 1, .out = out};
    begin_chart(&f, 54 + 105 * slots, 250, "PA(0.01), PA(0.008), PA(0.005) with 95 % intervals");
    for (int k = 0; k < split->count; k++) {
        const almi_report_group *rg = &report->group[split->first + k];
        for (int m = 0; m < 3; m++) {
            const alm_estimate *e = &rg->estimate[measure[m]];
            const double x0 = at_x(&f, k + 0.14 + 0.24 * m), x1 = at_x(&f, k + 0.36 + 0.24 * m);
            const double middle = (x0 + x1) / 2;
            if (!e->known) {
                continue;
            }
            put_rectangle(out, class[m], x0, at_y(&f, e->value), x1 - x0,
                          f.bottom - at_y(&f, e->value));
            if (e->kind != ALM_INTERVAL_NONE) {
                put_line(out, "whisker", middle, at_y(&f, e->low), middle, at_y(&f, e->high));
                put_line(out, "whisker", middle - 4, at_y(&f, e->low), middle + 4,
                         at_y(&f, e->low));
                put_line(out, "whisker", middle - 4, at_y(&f, e->high), middle + 4,
                         at_y(&f, e->high));
            }
        }
        put_short_name(out, at_x(&f, k + 0.5), f.bottom + 16, almi_dataset_text(rg->group->dataset),
                       14);
    }
    end_chart(&f);
}

/* ---- Histograms */

static double nice_top(double share)
{
    static const double tops[] = {0.04, 0.08, 0.2, 0.4, 0.6, 0.8};
    for (size_t k = 0; k < sizeof tops / sizeof tops[0]; k++) {
        if (share <= tops[k]) {
            return tops[k];
        }
    }
    return 1;
}

static int64_t greatest(const int64_t *bin, int count)
{
    int64_t most = 0;
    for (int k = 0; k < count; k++) {
        most = bin[k] > most ? bin[k] : most;
    }
    return most;
}

static void put_bars(frame *f, const int64_t *bin, int count, double first, double width,
                     int64_t all)
{
    for (int k = 0; k < count; k++) {
        const double y = at_y(f, (double)bin[k] / (double)all);
        const double x0 = at_x(f, first + k * width), x1 = at_x(f, first + (k + 1) * width);
        if (bin[k]) {
            put_rectangle(f->out, "bar a", x0 + 0.5, y, x1 - x0 - 1, f->bottom - y);
        }
    }
}

/* The outline of another histogram. */
static void put_steps(frame *f, const int64_t *bin, int count, double width, int64_t all)
{
    alm_buffer_text(f->out, "<polyline class=\"steps\" points=\"");
    for (int k = 0; k < count; k++) {
        for (int side = 0; side < 2; side++) {
            almi_put_fixed(f->out, at_x(f, (k + side) * width), 1);
            alm_buffer_text(f->out, ",");
            almi_put_fixed(f->out, at_y(f, (double)bin[k] / (double)all), 1);
            alm_buffer_text(f->out, " ");
        }
    }
    alm_buffer_text(f->out, "\"/>");
}

void almi_chart_histogram(alm_buffer *out, const almi_summary *s, int spread)
{
    const bool angle = spread == ALMI_SPREAD_GD, square = spread == ALMI_SPREAD_CD;
    const int bins = almi_bins_of(spread), least = square ? ALMI_SQUARE_LEAST : ALMI_LENGTH_LEAST;
    const int most = square ? ALMI_SQUARE_MOST : ALMI_LENGTH_MOST;
    const double width = angle ? ALMI_ANGLE_WIDTH : 1.0 / ALMI_LOG_BINS;
    const int64_t all = s->values[spread], other = s->values[ALMI_SPREAD_SYMMETRIC_GD];
    double top = (double)greatest(s->bin[spread], bins) / (double)(all ? all : 1);
    if (angle && other) {
        const int64_t highest = greatest(s->bin[ALMI_SPREAD_SYMMETRIC_GD], bins);
        top = fmax(top, (double)highest / (double)other);
    }
    /* Open bins stand outside of the first and the last power of ten. */
    frame f = {.x0 = angle ? 0 : least - width,
               .x1 = angle ? 180 : most + width,
               .y1 = nice_top(top),
               .out = out};
    begin_chart(&f, 400, 210,
                angle    ? "rotation error: GD (bars), symmetric GD (line)"
                : square ? "CD, with the thresholds of PA"
                         : "translation error: RMSE(T)");
    if (angle) {
        put_angle_axis(&f);
    } else {
        put_log_axis(&f, least, most, square);
    }
    if (all) {
        put_bars(&f, s->bin[spread], bins, f.x0, width, all);
    }
    if (angle && other) {
        put_steps(&f, s->bin[ALMI_SPREAD_SYMMETRIC_GD], bins, width, other);
    }
    end_chart(&f);
}

void almi_chart_differences(alm_buffer *out, const int64_t *bin, int count, double width,
                            const char *label)
{
    int64_t all = 0;
    for (int k = 0; k < count; k++) {
        all += bin[k];
    }
    const double half = count * width / 2;
    frame f = {.x0 = -half,
               .x1 = half,
               .y1 = nice_top((double)greatest(bin, count) / (double)(all ? all : 1)),
               .out = out};
    begin_chart(&f, 400, 210, label);
    for (int k = -2; k <= 2; k++) {
        const double x = at_x(&f, half * k / 2);
        put_line(out, k ? "axis" : "threshold", x, k ? f.bottom : f.top, x, f.bottom + (k ? 4 : 0));
        begin_label(out, "mid", x, f.bottom + 16);
        almi_put_rounded(out, half * k / 2, 3);
        alm_buffer_text(out, "</text>");
    }
    if (all) {
        put_bars(&f, bin, count, -half, width, all);
    }
    end_chart(&f);
}
