/* A table that is filled once and written as HTML, Markdown and LaTeX. A cell has a text and,
 * smaller behind it, a detail: an interval, a deviation. Texts are what people gave; each format
 * escapes them in its own way. Failures stick (buffer.h).
 */
#ifndef ALM_RUNTIME_EVAL_REPORT_TABLE_H
#define ALM_RUNTIME_EVAL_REPORT_TABLE_H

#include "runtime/eval/report_text.h"
#include "runtime/eval/statistics.h"

/* Zero-initialise; alm_buffer_free(&table.text) releases it. */
typedef struct almi_table {
    const char *align; /* a letter a column, 'l' or 'r'; static */
    const char *note;  /* below the table; static, plain ASCII; NULL: none */
    int64_t cells;     /* the head's included */
    alm_buffer text;   /* title, then text and detail of each cell, NUL behind each */
} almi_table;

/* align: static. The title is the texts one after another, up to NULL. */
void almi_table_begin(almi_table *table, const char *align, const char *const *title);

/* Cells in row order; the first row is the head. */
void almi_table_text(almi_table *table, const char *text);
void almi_table_whole(almi_table *table, int64_t value);
/* NaN is shown as '-'. */
void almi_table_value(almi_table *table, almi_format format, double value, bool sign);
/* The value with its interval as the detail. */
void almi_table_estimate(almi_table *table, almi_format format, const alm_estimate *estimate,
                         bool sign);
/* "mean ± deviation" with the interval as the detail. */
void almi_table_spread(almi_table *table, almi_format format, const alm_spread *spread);
void almi_table_p(almi_table *table, double p);

int64_t almi_table_rows(const almi_table *table); /* without the head */

/* A failure of the table becomes one of the output. */
void almi_table_html(const almi_table *table, alm_buffer *out);
void almi_table_markdown(const almi_table *table, alm_buffer *out);
void almi_table_latex(const almi_table *table, alm_buffer *out);

#endif
