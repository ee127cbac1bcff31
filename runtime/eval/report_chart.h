/* Charts of a report as SVG inside an HTML page: no scripts, no references, colours from the page's
 * style. The same numbers give the same bytes. */
#ifndef ALM_RUNTIME_EVAL_REPORT_CHART_H
#define ALM_RUNTIME_EVAL_REPORT_CHART_H

#include "runtime/eval/report_parts.h"

/* The colour of number k of several datasets; static storage. */
const char *almi_chart_colour(int k);

/* Share of valid rows not above an angle, or below a CD, one line a dataset of the split. spread:
 * ALMI_SPREAD_GD, ALMI_SPREAD_SYMMETRIC_GD or ALMI_SPREAD_CD. */
void almi_chart_curves(alm_buffer *out, const almi_report *report, const almi_split *split,
                       int spread);

/* PA(0.01), PA(0.008), PA(0.005) of each dataset of the split with their intervals. */
void almi_chart_accuracy(alm_buffer *out, const almi_report *report, const almi_split *split);

/* Shares of valid rows by bins. GD shows symmetric GD as a line over it. */
void almi_chart_histogram(alm_buffer *out, const almi_summary *summary, int spread);

/* A histogram of signed differences, in percent of what it counts: `count` bins (an even number) of
 * this width around 0, the outer ones open. */
void almi_chart_differences(alm_buffer *out, const int64_t *bin, int count, double width,
                            const char *label);

#endif
