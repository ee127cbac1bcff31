/* Tables in three formats (report_table.h). */
#include "runtime/eval/report_table.h"

#include <math.h>
#include <string.h>

static const char plus_minus[] = " \xC2\xB1 ";

static void end_text(alm_buffer *b)
{
    alm_buffer_add(b, "", 1);
}

/* A cell without a detail. */
static void end_cell(almi_table *t)
{
    end_text(&t->text);
    end_text(&t->text);
    t->cells++;
}

void almi_table_begin(almi_table *t, const char *align, const char *const *title)
{
    *t = (almi_table){.align = align};
    for (const char *const *part = title; *part; part++) {
        alm_buffer_text(&t->text, *part);
    }
    end_text(&t->text);
}

void almi_table_text(almi_table *t, const char *text)
{
    alm_buffer_text(&t->text, text);
    end_cell(t);
}

void almi_table_whole(almi_table *t, int64_t value)
{
    almi_put_whole(&t->text, value);
    end_cell(t);
}

void almi_table_value(almi_table *t, almi_format format, double value, bool sign)
{
    almi_put_value(&t->text, format, value, sign);
    end_cell(t);
}

void almi_table_p(almi_table *t, double p)
{
    almi_put_p(&t->text, p);
    end_cell(t);
}

static void put_interval(alm_buffer *b, almi_format format, double low, double high, bool sign)
{
    alm_buffer_text(b, "[");
    almi_put_value(b, format, low, sign);
    alm_buffer_text(b, ", ");
    almi_put_value(b, format, high, sign);
    alm_buffer_text(b, "]");
}

void almi_table_estimate(almi_table *t, almi_format format, const alm_estimate *e, bool sign)
{
    almi_put_value(&t->text, format, e->known ? e->value : NAN, sign);
    end_text(&t->text);
    if (e->kind != ALM_INTERVAL_NONE) {
        put_interval(&t->text, format, e->low, e->high, sign);
    }
    end_text(&t->text);
    t->cells++;
}

void almi_table_spread(almi_table *t, almi_format format, const alm_spread *s)
{
    almi_put_value(&t->text, format, s->mean, false);
    if (s->count > 1) {
        alm_buffer_text(&t->text, plus_minus);
        almi_put_value(&t->text, format, s->deviation, false);
    }
    end_text(&t->text);
    if (s->count > 1) {
        put_interval(&t->text, format, s->low, s->high, false);
    }
    end_text(&t->text);
    t->cells++;
}

int64_t almi_table_rows(const almi_table *t)
{
    return t->cells / (int64_t)strlen(t->align) - 1;
}

/* ---- Formats */

typedef struct reader {
    const char *at;
    int64_t columns, rows; /* the head included */
} reader;

static const char *next_text(reader *r)
{
    const char *text = r->at;
    r->at += strlen(text) + 1;
    return text;
}

/* False: the table failed, and so does the output. */
static bool begin_reading(const almi_table *t, alm_buffer *out, reader *r)
{
    if (t->text.status != ALM_OK) {
        out->status = out->status == ALM_OK ? t->text.status : out->status;
        return false;
    }
    const int64_t columns = (int64_t)strlen(t->align);
    *r = (reader){.at = (const char *)t->text.data, .columns = columns, .rows = t->cells / columns};
    return true;
}

/* Names are isolated (bdi), so that right-to-left text does not turn what stands around it. */
void almi_table_html(const almi_table *t, alm_buffer *out)
{
    reader r;
    if (!begin_reading(t, out, &r)) {
        return;
    }
    alm_buffer_text(out, "<figure class=\"table\"><figcaption><bdi>");
    almi_put_html(out, next_text(&r));
    alm_buffer_text(out, "</bdi></figcaption><div class=\"scroll\"><table>\n");
    for (int64_t i = 0; i < r.rows; i++) {
        alm_buffer_text(out, i == 0 ? "<thead><tr>" : "<tr>");
        for (int64_t c = 0; c < r.columns; c++) {
            const char *tag = i == 0 ? "th scope=\"col\"" : "td";
            alm_buffer_format(out, t->align[c] == 'r' ? "<%s class=\"n\">" : "<%s><bdi>", tag);
            almi_put_html(out, next_text(&r));
            const char *detail = next_text(&r);
            if (*detail) {
                alm_buffer_text(out, "<small>");
                almi_put_html(out, detail);
                alm_buffer_text(out, "</small>");
            }
            alm_buffer_text(out, t->align[c] == 'r' ? "" : "</bdi>");
            alm_buffer_text(out, i == 0 ? "</th>" : "</td>");
        }
        alm_buffer_text(out, i == 0 ? "</tr></thead><tbody>\n" : "</tr>\n");
    }
    alm_buffer_text(out, "</tbody></table></div>");
    if (t->note) {
        alm_buffer_text(out, "<p class=\"note\">");
        almi_put_html(out, t->note);
        alm_buffer_text(out, "</p>");
    }
    alm_buffer_text(out, "</figure>\n");
}

void almi_table_markdown(const almi_table *t, alm_buffer *out)
{
    reader r;
    if (!begin_reading(t, out, &r)) {
        return;
    }
    alm_buffer_text(out, "**");
    almi_put_markdown(out, next_text(&r));
    alm_buffer_text(out, "**\n\n");
    for (int64_t i = 0; i < r.rows; i++) {
        for (int64_t c = 0; c < r.columns; c++) {
            alm_buffer_text(out, c ? " | " : "| ");
            almi_put_markdown(out, next_text(&r));
            const char *detail = next_text(&r);
            alm_buffer_text(out, *detail ? " " : "");
            almi_put_markdown(out, detail);
        }
        alm_buffer_text(out, " |\n");
        for (int64_t c = 0; i == 0 && c < r.columns; c++) {
            alm_buffer_text(out, t->align[c] == 'r' ? "|---:" : "|---");
        }
        alm_buffer_text(out, i == 0 ? "|\n" : "");
    }
    if (t->note) {
        alm_buffer_text(out, "\n");
        almi_put_markdown(out, t->note);
        alm_buffer_text(out, "\n");
    }
    alm_buffer_text(out, "\n");
}

/* Lines of a stack: the text begins a new one at every `mark`, which the line keeps. Columns of a
 * page are narrow. */
static void put_lines(alm_buffer *out, const char *text, const char *mark, const char *style)
{
    const size_t bytes = strlen(mark);
    char line[256];
    while (*text) {
        const char *next = strstr(text + 1, mark);
        size_t length = next ? (size_t)(next - text) : strlen(text);
        if (length >= sizeof line) { /* no number or head is so long */
            almi_put_latex(out, text);
            return;
        }
        memcpy(line, text, length);
        line[length] = '\0';
        alm_buffer_format(out, "%s", style);
        almi_put_latex(out, line + (strncmp(line, mark, bytes) == 0 && *mark == ' ' && bytes == 1));
        alm_buffer_text(out, *style ? "}" : "");
        text += length;
        alm_buffer_text(out, *text ? "\\\\" : "");
    }
}

static void put_latex_cell(alm_buffer *out, char align, bool head, const char *text,
                           const char *detail)
{
    const bool stack = *detail || (head && strchr(text, ' '));
    if (!stack) {
        almi_put_latex(out, text);
        return;
    }
    alm_buffer_format(out, "\\shortstack[%c]{", align);
    put_lines(out, text, head ? " " : plus_minus, "");
    if (*detail) {
        alm_buffer_text(out, "\\\\");
        put_lines(out, detail, " ", "{\\tiny ");
    }
    alm_buffer_text(out, "}");
}

void almi_table_latex(const almi_table *t, alm_buffer *out)
{
    reader r;
    if (!begin_reading(t, out, &r)) {
        return;
    }
    alm_buffer_text(out,
                    "\\begin{table}[htbp]\n\\centering\\scriptsize\\setlength{\\tabcolsep}{2pt}\n"
                    "\\caption{");
    almi_put_latex(out, next_text(&r));
    alm_buffer_format(out, "}\n\\makebox[\\linewidth][c]{\\begin{tabular}{%s}\n\\hline\n",
                      t->align);
    for (int64_t i = 0; i < r.rows; i++) {
        for (int64_t c = 0; c < r.columns; c++) {
            const char *text = next_text(&r), *detail = next_text(&r);
            alm_buffer_text(out, c ? " & " : "");
            put_latex_cell(out, t->align[c], i == 0, text, detail);
        }
        alm_buffer_text(out, i == 0 ? " \\\\\n\\hline\n" : " \\\\\n");
    }
    alm_buffer_text(out, "\\hline\n\\end{tabular}}\n");
    if (t->note) {
        alm_buffer_text(out, "\n\\smallskip ");
        almi_put_latex(out, t->note);
        alm_buffer_text(out, "\n");
    }
    alm_buffer_text(out, "\\end{table}\n\n");
}
