/* report.md and report.tex: the tables for a repository and for a paper. */
#include "runtime/eval/report_parts.h"

static void put_fact(alm_buffer *out, const char *name, const char *text)
{
    if (text) {
        alm_buffer_format(out, "* %s: ", name);
        almi_put_markdown(out, text);
        alm_buffer_text(out, "\n");
    }
}

static alm_status put_sample(alm_buffer *out, const almi_report *r, const almi_card *card)
{
    const almi_group *g = &r->groups.group[card->group];
    alm_eval_row row = {0};
    ALM_TRY(almi_group_row(g, card->example.set, card->example.row, &row));
    alm_buffer_format(out, "%d. ", card->number);
    almi_put_markdown(out, row.asset);
    alm_buffer_text(out, " (");
    almi_put_markdown(out, row.category ? row.category : "");
    alm_buffer_text(out, ", seed ");
    almi_put_whole(out, g->set[card->example.set]->seed);
    alm_buffer_text(out, ", idx ");
    almi_put_whole(out, row.idx);
    alm_buffer_text(out, "): GD ");
    almi_put_value(out, ALMI_DEGREES, (double)row.metric[ALM_METRIC_GD], false);
    alm_buffer_text(out, ", symmetric GD ");
    almi_put_value(out, ALMI_DEGREES, (double)row.symmetric_gd, false);
    alm_buffer_text(out, ", RMSE(T) ");
    almi_put_value(out, ALMI_LENGTH, (double)row.metric[ALM_METRIC_RMSE_T], false);
    alm_buffer_text(out, ", CD ");
    almi_put_value(out, ALMI_SQUARE, (double)row.metric[ALM_METRIC_CD], false);
    alm_buffer_text(out, "\n");
    if (card->picture_bytes) {
        char name[64];
        almi_card_file(r, card, name);
        alm_buffer_format(
            out, "\n   ![fixed grey, true place green, predicted place orange](%s)\n\n", name);
    }
    return ALM_OK;
}

static alm_status put_samples(alm_buffer *out, const almi_report *r, int group, bool typical)
{
    bool any = false;
    for (int64_t i = 0; i < r->cards; i++) {
        const almi_card *card = &r->card[i];
        if (card->group != group || card->typical != typical) {
            continue;
        }
        if (!any) {
            alm_buffer_text(out, typical ? "\nRows at 25, 50 and 75 % of CD:\n\n"
                                         : "\nWorst samples by CD, each under its worst seed:\n\n");
            any = true;
        }
        ALM_TRY(put_sample(out, r, card));
    }
    alm_buffer_text(out, any ? "\n" : "");
    return ALM_OK;
}

alm_status almi_report_markdown(const almi_report *r, const almi_tables *t, alm_buffer *out)
{
    const alm_report_options *p = r->options;
    alm_buffer_text(out, "# AssemBench report\n\n");
    put_fact(out, "model", p->model);
    put_fact(out, "checkpoint", p->ckpt_path);
    put_fact(out, "run", p->run_timestamp);
    put_fact(out, "engine", p->engine);
    alm_buffer_text(out, "\n## Results\n\n");
    almi_table_markdown(&t->results, out);
    alm_buffer_text(out, "## Symmetry\n\n");
    almi_table_markdown(&t->symmetry, out);
    alm_buffer_text(out, "## Seeds\n\n");
    almi_table_markdown(&t->seeds, out);
    alm_buffer_text(out, "## Distribution\n\n");
    almi_table_markdown(&t->distribution, out);
    for (int i = 0; i < r->groups.count; i++) {
        if (r->groups.group[i].rows == 0) {
            continue;
        }
        alm_buffer_text(out, "## ");
        almi_put_markdown(out, almi_dataset_text(r->groups.group[i].dataset));
        alm_buffer_text(out, ", ");
        almi_put_markdown(out, r->groups.group[i].split);
        alm_buffer_text(out, "\n\n");
        almi_table_markdown(&t->categories[i], out);
        ALM_TRY(put_samples(out, r, i, false));
        ALM_TRY(put_samples(out, r, i, true));
    }
    alm_buffer_text(out, "## Failures\n\n");
    if (almi_table_rows(&t->failures)) {
        almi_table_markdown(&t->failures, out);
    } else {
        alm_buffer_text(out, "Every row has a valid pose.\n\n");
    }
    alm_buffer_text(out, "## How the numbers are made\n\n");
    for (int k = 0; k < almi_method_count; k++) {
        alm_buffer_text(out, "* **");
        almi_put_markdown(out, almi_methods[k].title);
        alm_buffer_text(out, "** ");
        almi_put_markdown(out, almi_methods[k].text);
        alm_buffer_text(out, "\n");
    }
    return out->status;
}

/* Tables only, and only what every LaTeX has, so that a paper can \input it. */
void almi_report_latex(const almi_report *r, const almi_tables *t, alm_buffer *out)
{
    alm_buffer_text(out,
                    "% AssemBench report. Needs no package:\n"
                    "%   \\documentclass{article}\\begin{document}\\input{report}\\end{document}\n"
                    "% Characters beyond Latin-1 are written as [U+XXXX].\n\n");
    almi_table_latex(&t->results, out);
    almi_table_latex(&t->symmetry, out);
    almi_table_latex(&t->seeds, out);
    almi_table_latex(&t->distribution, out);
    for (int i = 0; i < t->count; i++) {
        if (r->groups.group[i].rows) {
            almi_table_latex(&t->categories[i], out);
        }
    }
    if (almi_table_rows(&t->failures)) {
        almi_table_latex(&t->failures, out);
    }
}
