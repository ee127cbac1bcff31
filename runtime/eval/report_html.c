/* report.html: one page that needs nothing else: style, charts and pictures are inside, there is no
 * script, and its policy forbids the browser to load anything. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/eval/report_chart.h"
#include "runtime/eval/report_parts.h"

static const char style[] =
    ":root{--ink:#1d2430;--soft:#5b6675;--line:#dfe3e9;--paper:#fff;--ground:#f5f6f8;"
    "--a:#1f6fb2;--b:#6aa5d6;--c:#b3d1ea;--hot:#d9541e;color-scheme:light dark}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--soft:#9aa5b4;--line:#333b47;"
    "--paper:#1a1f27;--ground:#12161c;--a:#5aa7e6;--b:#3b77a8;--c:#2a4d69;--hot:#f08a4b}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--ground);color:var(--ink);"
    "font:15px/1.5 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica "
    "Neue\",Arial,sans-serif}\n"
    "main{max-width:1240px;margin:0 auto;padding:28px 22px 60px}\n"
    "h1{font-size:30px;line-height:1.2;margin:0 0 4px;letter-spacing:-.01em}\n"
    "h2{font-size:21px;margin:44px 0 12px;padding-bottom:6px;border-bottom:2px solid var(--line)}\n"
    "h3{font-size:17px;margin:30px 0 8px}h4{font-size:14px;margin:18px 0 "
    "0;overflow-wrap:anywhere}\n"
    "p{margin:6px 0}.soft,.note{color:var(--soft)}.note{font-size:13px;max-width:90ch}\n"
    "nav{margin:14px 0 0;font-size:14px}nav a{color:var(--a);margin-right:16px;"
    "text-decoration:none}nav a:hover{text-decoration:underline}\n"
    ".facts{display:grid;grid-template-columns:max-content 1fr;gap:2px 14px;margin:12px 0 0;"
    "font-size:14px}.facts dt{color:var(--soft)}.facts dd{margin:0;overflow-wrap:anywhere}\n"
    ".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(185px,1fr));gap:12px;"
    "margin:10px 0 20px}\n"
    ".tile,.card,figure.table,.charts{background:var(--paper);border:1px solid var(--line);"
    "border-radius:10px}\n"
    ".tile{padding:12px 16px}.tile b{display:block;font-size:27px;line-height:1.25;"
    "font-variant-numeric:tabular-nums}.tile span{display:block;font-size:13px;"
    "color:var(--soft)}\n"
    "figure.table{margin:14px 0;padding:12px 14px}figcaption{font-weight:600;margin-bottom:8px}\n"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:13.5px}\n"
    "th,td{padding:5px 9px;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}"
    "\nth{font-weight:600;color:var(--soft);font-size:12.5px}tbody tr:last-child "
    "td{border-bottom:0}"
    "\n.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
    "th.n{white-space:normal}tbody tr:hover{background:var(--ground)}\n"
    "small{display:block;color:var(--soft);font-size:11.5px}\n"
    ".charts{display:grid;grid-template-columns:repeat(2,1fr);gap:10px;"
    "padding:12px;margin:14px "
    "0}.three{grid-template-columns:repeat(3,1fr)}.chart{width:100%;max-width:560px;height:auto;"
    "display:block;"
    "margin:0 auto}\n"
    ".chart text{font-size:11px;fill:var(--soft)}.chart .mid{text-anchor:middle}"
    ".chart .end{text-anchor:end}.chart .name{fill:var(--ink);font-size:12px}\n"
    ".grid{stroke:var(--line)}.axis{stroke:var(--soft)}"
    ".threshold{stroke:var(--hot);stroke-dasharray:3 3;opacity:.75}\n"
    ".curve{fill:none;stroke-width:2}.steps{fill:none;stroke:var(--hot);stroke-width:1.8}\n"
    ".bar.a{fill:var(--a)}.bar.b{fill:var(--b)}.bar.c{fill:var(--c)}"
    ".whisker{stroke:var(--ink);stroke-width:1.4}\n"
    ".legend{font-size:13px;margin:0 0 6px}.legend i{display:inline-block;width:22px;height:4px;"
    "border-radius:2px;margin:0 6px 3px 0;vertical-align:middle}.legend span{margin-right:16px}\n"
    "@media(max-width:760px){.charts{grid-template-columns:1fr}}h4+.cards{margin-top:8px}\n"
    ".cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(370px,1fr));gap:14px}\n"
    ".card{padding:0 0 10px;overflow:hidden}.card img{width:100%;height:auto;display:block;"
    "background:#fff;border-bottom:1px solid var(--line)}.card>*:not(img){margin-left:14px;"
    "margin-right:14px}.card h4{margin-top:10px}.card p{font-size:13px;margin-top:2px}\n"
    ".figures{display:grid;grid-template-columns:repeat(4,auto);gap:4px 10px;margin-top:8px;"
    "font-size:13px;font-variant-numeric:tabular-nums}.figures span{display:block;"
    "color:var(--soft);font-size:11.5px}\n"
    "details{margin:10px 0}summary{cursor:pointer;font-weight:600}\n"
    ".method{max-width:90ch}.method dt{font-weight:600;margin-top:10px}.method dd{margin:0;"
    "color:var(--soft)}\n"
    "@media print{body{background:#fff;font-size:12px}.card,figure.table,.tile,.charts"
    "{break-inside:avoid}}\n";

void almi_html_begin(alm_buffer *out, const char *title)
{
    alm_buffer_text(out,
                    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                    "img-src data:; style-src 'unsafe-inline'\">\n"
                    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
                    "<title>");
    almi_put_html(out, title);
    alm_buffer_text(out, "</title>\n<style>\n");
    alm_buffer_text(out, style);
    alm_buffer_text(out, "</style></head>\n<body><main>\n");
}

void almi_html_end(alm_buffer *out)
{
    alm_buffer_text(out, "</main></body></html>\n");
}

void almi_html_methods(alm_buffer *out, const almi_method *methods, int count)
{
    alm_buffer_text(out,
                    "<h2 id=\"method\">How the numbers are made</h2>\n<dl class=\"method\">\n");
    for (int k = 0; k < count; k++) {
        alm_buffer_text(out, "<dt>");
        almi_put_html(out, methods[k].title);
        alm_buffer_text(out, "</dt><dd>");
        almi_put_html(out, methods[k].text);
        alm_buffer_text(out, "</dd>\n");
    }
    alm_buffer_text(out, "</dl>\n");
}

void almi_put_group_html(alm_buffer *out, const almi_group *group)
{
    alm_buffer_text(out, "<bdi>");
    almi_put_html(out, almi_dataset_text(group->dataset));
    alm_buffer_text(out, "</bdi>, ");
    almi_put_html(out, group->split);
}

/* ---- Head */

static void put_fact(alm_buffer *out, const char *name, const char *text)
{
    if (text) {
        alm_buffer_format(out, "<dt>%s</dt><dd><bdi>", name);
        almi_put_html(out, text);
        alm_buffer_text(out, "</bdi></dd>\n");
    }
}

static void put_head(alm_buffer *out, const almi_report *r)
{
    const alm_report_options *p = r->options;
    alm_buffer_text(out, "<header><h1>AssemBench report</h1>\n<dl class=\"facts\">\n");
    put_fact(out, "model", p->model);
    put_fact(out, "checkpoint", p->ckpt_path);
    put_fact(out, "run", p->run_timestamp);
    put_fact(out, "engine", p->engine);
    alm_buffer_text(out, "</dl>\n<nav><a href=\"#results\">Results</a><a href=\"#symmetry\">"
                         "Symmetry</a><a href=\"#seeds\">Seeds</a><a href=\"#distribution\">"
                         "Distribution</a>");
    for (int i = 0; i < r->groups.count; i++) {
        if (r->groups.group[i].rows) {
            alm_buffer_format(out, "<a href=\"#g%d\">", i + 1);
            almi_put_group_html(out, &r->groups.group[i]);
            alm_buffer_text(out, "</a>");
        }
    }
    alm_buffer_text(out, "<a href=\"#failures\">Failures</a><a href=\"#method\">Method</a></nav>"
                         "</header>\n");
}

static void put_tile(alm_buffer *out, int measure, const alm_estimate *e)
{
    const almi_measure_info *info = &almi_measures[measure];
    if (!e->known) {
        return;
    }
    alm_buffer_text(out, "<div class=\"tile\"><span>");
    almi_put_html(out, info->head);
    alm_buffer_text(out, "</span><b>");
    almi_put_value(out, info->format, e->value, false);
    alm_buffer_text(out, "</b>");
    if (e->kind != ALM_INTERVAL_NONE) {
        alm_buffer_text(out, "<span>95 %: ");
        almi_put_value(out, info->format, e->low, false);
        alm_buffer_text(out, " to ");
        almi_put_value(out, info->format, e->high, false);
        alm_buffer_text(out, "</span>");
    }
    alm_buffer_text(out, "</div>\n");
}

static void put_legend(alm_buffer *out, const almi_report *r, const almi_split *s)
{
    alm_buffer_text(out, "<p class=\"legend\">");
    for (int k = 0; k < s->count; k++) {
        alm_buffer_format(out, "<span><i style=\"background:%s\"></i><bdi>", almi_chart_colour(k));
        almi_put_html(out, almi_dataset_text(r->groups.group[s->first + k].dataset));
        alm_buffer_text(out, "</bdi></span>");
    }
    alm_buffer_text(out, "</p>\n");
}

static void put_split(alm_buffer *out, const almi_report *r, const almi_split *s)
{
    static const int tile[] = {ALM_METRIC_PA_010, ALM_METRIC_GD, ALMI_MEASURE_SYMMETRIC_GD,
                               ALM_METRIC_RMSE_T, ALM_METRIC_CD, ALMI_MEASURE_VALID};
    if (s->sum[ALMI_COUNT_ROWS] == 0) {
        return;
    }
    alm_buffer_text(out, "<h3>");
    almi_put_html(out, s->split);
    alm_buffer_format(out, " <span class=\"soft\">over %s, ",
                      s->count > 1 ? "all datasets by sample (micro average)" : "one dataset");
    almi_put_whole(out, (int64_t)s->sum[ALMI_COUNT_ROWS]);
    alm_buffer_text(out, " rows</span></h3>\n<div class=\"tiles\">\n");
    for (size_t k = 0; k < sizeof tile / sizeof tile[0]; k++) {
        put_tile(out, tile[k], &s->micro[tile[k]]);
    }
    alm_buffer_text(out, "</div>\n");
    put_legend(out, r, s);
    alm_buffer_text(out, "<div class=\"charts\">\n");
    almi_chart_accuracy(out, r, s);
    almi_chart_curves(out, r, s, ALMI_SPREAD_CD);
    almi_chart_curves(out, r, s, ALMI_SPREAD_GD);
    almi_chart_curves(out, r, s, ALMI_SPREAD_SYMMETRIC_GD);
    alm_buffer_text(out, "</div>\n");
}

/* ---- Samples */

static void put_figure(alm_buffer *out, const char *name, almi_format format, float value)
{
    alm_buffer_format(out, "<div><span>%s</span>", name);
    almi_put_value(out, format, (double)value, false);
    alm_buffer_text(out, "</div>");
}

static void put_picture(alm_buffer *out, const almi_report *r, const almi_card *card,
                        const alm_eval_row *row)
{
    if (!card->picture_bytes) {
        return;
    }
    alm_buffer_text(out, "<img alt=\"");
    almi_put_html(out, row->asset);
    alm_buffer_text(out, ": fixed part grey, true place green, predicted place orange\" "
                         "src=\"data:image/png;base64,");
    almi_put_base64(out, r->pictures.data + card->picture, card->picture_bytes);
    alm_buffer_text(out, "\">\n");
}

static alm_status put_card(alm_buffer *out, const almi_report *r, const almi_card *card)
{
    const almi_group *g = &r->groups.group[card->group];
    alm_eval_row row = {0};
    ALM_TRY(almi_group_row(g, card->example.set, card->example.row, &row));
    alm_buffer_text(out, "<article class=\"card\">");
    put_picture(out, r, card, &row);
    alm_buffer_text(out, "<h4><bdi>");
    almi_put_html(out, row.asset);
    alm_buffer_text(out, "</bdi></h4><p class=\"soft\"><bdi>");
    almi_put_html(out, row.category ? row.category : "");
    alm_buffer_text(out, "</bdi> \xC2\xB7 seed ");
    almi_put_whole(out, g->set[card->example.set]->seed);
    alm_buffer_text(out, " \xC2\xB7 idx ");
    almi_put_whole(out, row.idx);
    if (card->typical) {
        alm_buffer_format(out, " \xC2\xB7 at %d %% of CD", (int)card->example.place);
    }
    if (!card->picture_bytes && r->options->scene) {
        alm_buffer_text(out, " \xC2\xB7 no picture: the sample could not be read");
    }
    alm_buffer_text(out, "</p><div class=\"figures\">");
    put_figure(out, "GD", ALMI_DEGREES, row.metric[ALM_METRIC_GD]);
    put_figure(out, "symmetric GD", ALMI_DEGREES, row.symmetric_gd);
    put_figure(out, "RMSE(T)", ALMI_LENGTH, row.metric[ALM_METRIC_RMSE_T]);
    put_figure(out, "CD", ALMI_SQUARE, row.metric[ALM_METRIC_CD]);
    alm_buffer_text(out, "</div></article>\n");
    return ALM_OK;
}

static alm_status put_cards(alm_buffer *out, const almi_report *r, int group, bool typical)
{
    bool any = false;
    for (int64_t i = 0; i < r->cards; i++) {
        if (r->card[i].group != group || r->card[i].typical != typical) {
            continue;
        }
        if (!any) {
            alm_buffer_format(out, "<h4>%s</h4>\n<div class=\"cards\">\n",
                              typical ? "Typical: rows at the quartiles of CD"
                                      : "Worst: samples by CD, each under its worst seed");
            any = true;
        }
        ALM_TRY(put_card(out, r, &r->card[i]));
    }
    alm_buffer_text(out, any ? "</div>\n" : "");
    return ALM_OK;
}

/* ---- Datasets */

static alm_status put_group(alm_buffer *out, const almi_report *r, const almi_tables *t, int i)
{
    const almi_report_group *rg = &r->group[i];
    const almi_group *g = rg->group;
    if (g->rows == 0) {
        return ALM_OK;
    }
    alm_buffer_format(out, "<section id=\"g%d\"><h2>", i + 1);
    almi_put_group_html(out, g);
    alm_buffer_text(out, "</h2>\n<p class=\"soft\">");
    almi_put_whole(out, g->clusters);
    alm_buffer_text(out, " samples, ");
    almi_put_whole(out, g->rows);
    alm_buffer_text(out, " rows, ");
    almi_put_whole(out, (int64_t)rg->sum[ALMI_COUNT_VALID]);
    alm_buffer_format(out, " with a valid pose, %d seed%s:", g->sets, g->sets > 1 ? "s" : "");
    for (int k = 0; k < g->sets && k < 20; k++) {
        alm_buffer_text(out, k ? ", " : " ");
        almi_put_whole(out, g->set[k]->seed);
    }
    alm_buffer_text(out, g->sets > 20 ? ", ...</p>\n" : "</p>\n");
    alm_buffer_text(out, "<div class=\"charts three\">\n");
    almi_chart_histogram(out, &rg->summary, ALMI_SPREAD_GD);
    almi_chart_histogram(out, &rg->summary, ALMI_SPREAD_RMSE_T);
    almi_chart_histogram(out, &rg->summary, ALMI_SPREAD_CD);
    alm_buffer_text(out, "</div>\n<details open><summary>Categories</summary>\n");
    almi_table_html(&t->categories[i], out);
    alm_buffer_text(out, "</details>\n");
    ALM_TRY(put_cards(out, r, i, false));
    ALM_TRY(put_cards(out, r, i, true));
    alm_buffer_text(out, "</section>\n");
    return ALM_OK;
}

static void put_failures(alm_buffer *out, const almi_tables *t)
{
    alm_buffer_text(out, "<h2 id=\"failures\">Failures</h2>\n");
    if (almi_table_rows(&t->failures)) {
        almi_table_html(&t->failures, out);
    } else {
        alm_buffer_text(out, "<p>Every row has a valid pose.</p>\n");
    }
}

alm_status almi_report_html(const almi_report *r, const almi_tables *t, alm_buffer *out)
{
    almi_html_begin(out, "AssemBench report");
    put_head(out, r);
    alm_buffer_text(out, "<h2 id=\"results\">Results</h2>\n");
    for (int s = 0; s < r->splits; s++) {
        put_split(out, r, &r->split[s]);
    }
    almi_table_html(&t->results, out);
    alm_buffer_text(out, "<h2 id=\"symmetry\">Symmetry</h2>\n");
    almi_table_html(&t->symmetry, out);
    alm_buffer_text(out, "<h2 id=\"seeds\">Seeds</h2>\n");
    almi_table_html(&t->seeds, out);
    alm_buffer_text(out, "<h2 id=\"distribution\">Distribution</h2>\n");
    almi_table_html(&t->distribution, out);
    for (int i = 0; i < r->groups.count; i++) {
        ALM_TRY(put_group(out, r, t, i));
    }
    if (!r->options->scene) {
        alm_buffer_text(out, "<p class=\"note\">No pictures: the data were not at hand when this "
                             "report was written.</p>\n");
    }
    put_failures(out, t);
    almi_html_methods(out, almi_methods, almi_method_count);
    almi_html_end(out);
    return out->status;
}
