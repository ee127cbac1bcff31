/* The report: reads the groups, computes, writes the documents (report.h). */
#include "runtime/eval/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/eval/report_parts.h"
#include "runtime/eval/run_folder.h"
#include "runtime/input/text_file.h"
#include "runtime/output/file_write.h"

static const char pictures_folder[] = "report_pictures";

enum { CSV_BUFFER = 1 << 16 };

/* ---- samples.csv, while the rows are read */

typedef struct csv {
    alm_file_write *file; /* NULL: not wanted */
    alm_buffer text;
} csv;

static alm_status flush(csv *c)
{
    ALM_TRY(c->text.status);
    ALM_TRY(alm_file_write_add(c->file, c->text.data, c->text.count));
    c->text.count = 0;
    return ALM_OK;
}

static alm_status visit_row(void *context, const alm_eval_set *set, int64_t row,
                            const alm_eval_row *r)
{
    (void)row;
    csv *c = context;
    almi_csv_row(&c->text, set, r);
    return c->text.count > CSV_BUFFER ? flush(c) : c->text.status;
}

static alm_status begin_csv(const char *folder, csv *c)
{
    char *path = NULL;
    ALM_TRY(alm_path_join(folder, "samples.csv", &path));
    const alm_status status = alm_file_write_begin(path, &c->file);
    alm_free(path);
    almi_csv_head(&c->text);
    return status;
}

/* ---- Numbers */

uint64_t almi_category_key(const almi_group *group, int32_t category)
{
    return group->key * 31 + alm_text_hash(group->category[category].name);
}

static alm_bootstrap_options bootstrap_of(const almi_report *r)
{
    return (alm_bootstrap_options){
        .seed = r->options->seed, .resamples = r->options->resamples, .pool = r->pool};
}

static alm_status estimate_categories(const almi_report *r, almi_report_group *rg)
{
    const almi_group *g = rg->group;
    alm_bootstrap_options options = bootstrap_of(r);
    /* Together they may draw as much as the whole. */
    options.resamples = alm_resamples_of(&options, g->clusters);
    if (g->categories > ALMI_CATEGORIES_MOST) {
        return ALM_OK;
    }
    ALM_TRY(alm_calloc((size_t)g->categories, sizeof *rg->category, "categories", &rg->category));
    for (int32_t k = 0; k < g->categories; k++) {
        alm_stratum stratum = almi_group_stratum(g);
        stratum.member = g->member + g->category[k].first;
        stratum.count = g->category[k].count;
        stratum.key = almi_category_key(g, k);
        alm_estimate all[3][ALMI_MEASURES];
        ALM_TRY(alm_bootstrap(&stratum, 1, almi_ratios, ALMI_MEASURES, &options, all[0]));
        memcpy(rg->category[k], all[0], sizeof all[0]);
    }
    return ALM_OK;
}

static void spread_seeds(almi_report_group *rg, double *values)
{
    const almi_group *g = rg->group;
    for (int m = 0; m < ALMI_MEASURES; m++) {
        int n = 0;
        for (int s = 0; s < g->sets; s++) {
            const double below = g->seed_sum[s][almi_ratios[m].denominator];
            if (below != 0) {
                values[n++] = g->seed_sum[s][almi_ratios[m].numerator] / below;
            }
        }
        rg->seeds[m] = alm_spread_of(values, n);
        if (almi_ratios[m].proportion && n > 1) {
            rg->seeds[m].low = fmax(rg->seeds[m].low, 0);
            rg->seeds[m].high = fmin(rg->seeds[m].high, 1);
        }
    }
}

static alm_status read_group(almi_report *r, int i, csv *c)
{
    almi_group *g = &r->groups.group[i];
    almi_report_group *rg = &r->group[i];
    const int worst = r->options->worst;
    ALM_TRY(almi_group_read(g, c->file ? visit_row : NULL, c));
    ALM_TRY(almi_summary_create(g,
                                worst == 0  ? ALM_REPORT_WORST
                                : worst < 0 ? 0
                                            : worst,
                                &rg->summary));
    almi_group_drop_rows(g);
    for (int s = 0; s < g->sets; s++) {
        for (int k = 0; k < ALM_SUMS; k++) {
            rg->sum[k] += g->seed_sum[s][k];
        }
    }
    double *values;
    ALM_TRY(alm_alloc((size_t)g->sets, sizeof *values, "seeds", &values));
    spread_seeds(rg, values);
    alm_free(values);
    return estimate_categories(r, rg);
}

static void find_splits(almi_report *r)
{
    for (int i = 0; i < r->groups.count; i++) {
        almi_split *last = r->splits ? &r->split[r->splits - 1] : NULL;
        if (!last || strcmp(last->split, r->groups.group[i].split) != 0) {
            last = &r->split[r->splits++];
            *last = (almi_split){.split = r->groups.group[i].split, .first = i};
        }
        last->count++;
    }
}

static alm_status estimate_split(const almi_report *r, almi_split *s)
{
    const alm_bootstrap_options options = bootstrap_of(r);
    const size_t count = (size_t)s->count;
    alm_stratum *strata = NULL;
    alm_estimate(*all)[ALMI_MEASURES] = NULL;
    int64_t clusters = 0;
    ALM_TRY(alm_alloc(count, sizeof *strata, "strata", &strata));
    alm_status status = alm_alloc(count + 2, sizeof *all, "estimates", &all);
    if (status == ALM_OK) {
        for (int k = 0; k < s->count; k++) {
            strata[k] = almi_group_stratum(&r->groups.group[s->first + k]);
            clusters += strata[k].count;
        }
        status = alm_bootstrap(strata, s->count, almi_ratios, ALMI_MEASURES, &options, all[0]);
    }
    for (int k = 0; status == ALM_OK && k < s->count; k++) {
        almi_report_group *rg = &r->group[s->first + k];
        memcpy(rg->estimate, all[k], sizeof all[k]);
        for (int c = 0; c < ALM_SUMS; c++) {
            s->sum[c] += rg->sum[c];
        }
    }
    if (status == ALM_OK) {
        memcpy(s->micro, all[count], sizeof s->micro);
        memcpy(s->macro, all[count + 1], sizeof s->macro);
    }
    s->resamples = alm_resamples_of(&options, clusters);
    alm_free(all);
    alm_free(strata);
    return status;
}

/* ---- Samples that are shown */

static alm_status draw_card(almi_report *r, almi_card *card)
{
    const alm_report_options *o = r->options;
    const almi_group *g = &r->groups.group[card->group];
    if (!o->scene) {
        return ALM_OK;
    }
    alm_eval_row row = {0};
    alm_report_scene scene = {0};
    ALM_TRY(almi_group_row(g, card->example.set, card->example.row, &row));
    alm_status status = o->scene(o->scene_context, g->set[card->example.set], &row, &scene);
    const size_t at = r->pictures.count;
    if (status == ALM_OK) {
        status = almi_picture_draw(&scene, &row, &r->pictures);
    }
    if (status == ALM_OK) {
        card->picture = at;
        card->picture_bytes = r->pictures.count - at;
    }
    return status == ALM_STATUS_SAMPLE ? ALM_OK : status;
}

static alm_status make_cards(almi_report *r)
{
    int64_t count = 0;
    for (int i = 0; i < r->groups.count; i++) {
        count += r->group[i].summary.worst_count + r->group[i].summary.typical_count;
    }
    ALM_TRY(alm_calloc((size_t)count, sizeof *r->card, "samples", &r->card));
    const bool shown = r->options->worst >= 0;
    for (int i = 0; i < r->groups.count && shown; i++) {
        const almi_summary *s = &r->group[i].summary;
        for (int k = 0; k < s->worst_count + s->typical_count; k++) {
            const bool typical = k >= s->worst_count;
            const int place = typical ? k - s->worst_count : k;
            almi_card *card = &r->card[r->cards++];
            *card = (almi_card){.group = i,
                                .typical = typical,
                                .number = place + 1,
                                .example = typical ? s->typical[place] : s->worst[place]};
            ALM_TRY(draw_card(r, card));
        }
    }
    return ALM_OK;
}

void almi_card_file(const almi_report *report, const almi_card *card, char text[64])
{
    (void)report;
    snprintf(text, 64, "%s/%s_%02d_%03d.png", pictures_folder, card->typical ? "typical" : "worst",
             card->group + 1, card->number);
}

alm_status almi_write_named(const char *folder, const char *name, const alm_buffer *text)
{
    char *path = NULL;
    ALM_TRY(text->status);
    ALM_TRY(alm_path_join(folder, name, &path));
    const alm_status status = alm_file_write_all(path, text->data, text->count);
    alm_free(path);
    return status;
}

static alm_status make_folder(const char *folder, const char *name)
{
    char *path = NULL;
    ALM_TRY(alm_path_join(folder, name, &path));
    const alm_status status = alm_folders_make(path);
    alm_free(path);
    return status;
}

static alm_status write_pictures(const almi_report *r)
{
    if (r->pictures.count == 0) {
        return ALM_OK;
    }
    ALM_TRY(make_folder(r->options->folder, pictures_folder));
    for (int64_t i = 0; i < r->cards; i++) {
        const almi_card *card = &r->card[i];
        const alm_buffer picture = {.data = r->pictures.data + card->picture,
                                    .count = card->picture_bytes};
        char name[64];
        almi_card_file(r, card, name);
        if (card->picture_bytes) {
            ALM_TRY(almi_write_named(r->options->folder, name, &picture));
        }
    }
    return ALM_OK;
}

/* ---- Documents */

static alm_status write_documents(const almi_report *r, unsigned formats)
{
    const char *folder = r->options->folder;
    almi_tables tables = {0};
    alm_buffer text[5] = {{0}};
    static const char *const name[5] = {"report.json", "summary.csv", "report.md", "report.tex",
                                        "report.html"};
    const unsigned bit[5] = {ALM_REPORT_JSON, ALM_REPORT_CSV, ALM_REPORT_MD, ALM_REPORT_TEX,
                             ALM_REPORT_HTML};
    alm_status status = almi_tables_create(r, &tables);
    if (status == ALM_OK) {
        almi_report_json(r, &text[0]);
        almi_report_summary_csv(r, &text[1]);
        almi_report_latex(r, &tables, &text[3]);
        status = almi_report_markdown(r, &tables, &text[2]);
    }
    if (status == ALM_OK && formats & ALM_REPORT_HTML) {
        status = almi_report_html(r, &tables, &text[4]);
    }
    if (status == ALM_OK && formats & ALM_REPORT_MD) {
        status = write_pictures(r);
    }
    for (int k = 0; k < 5 && status == ALM_OK; k++) {
        if (formats & bit[k]) {
            status = almi_write_named(folder, name[k], &text[k]);
        }
    }
    for (int k = 0; k < 5; k++) {
        alm_buffer_free(&text[k]);
    }
    almi_tables_free(&tables);
    return status;
}

static alm_status fill_report(almi_report *r, const alm_eval_set *sets, int count, csv *c)
{
    ALM_TRY(almi_groups_create(sets, count, &r->groups));
    const size_t groups = (size_t)r->groups.count;
    ALM_TRY(alm_calloc(groups, sizeof *r->group, "a report", &r->group));
    ALM_TRY(alm_calloc(groups, sizeof *r->split, "a report", &r->split));
    for (int i = 0; i < r->groups.count; i++) {
        r->group[i].group = &r->groups.group[i];
    }
    for (int i = 0; i < r->groups.count; i++) {
        ALM_TRY(read_group(r, i, c));
    }
    find_splits(r);
    for (int i = 0; i < r->splits; i++) {
        ALM_TRY(estimate_split(r, &r->split[i]));
    }
    return make_cards(r);
}

static void free_report(almi_report *r)
{
    for (int i = 0; r->group && i < r->groups.count; i++) {
        almi_summary_free(&r->group[i].summary);
        alm_free(r->group[i].category);
    }
    alm_free(r->group);
    alm_free(r->split);
    alm_free(r->card);
    alm_buffer_free(&r->pictures);
    almi_groups_free(&r->groups);
    alm_pool_destroy(r->pool);
}

alm_status almi_check_options(const alm_report_options *o)
{
    if (!o->folder) {
        return alm_fail(ALM_STATUS_USAGE, "report: no folder");
    }
    if (o->worst < -1 || o->worst > ALM_REPORT_WORST_MOST) {
        return alm_fail(ALM_STATUS_USAGE, "report: %d worst samples, expected -1 to %d", o->worst,
                        ALM_REPORT_WORST_MOST);
    }
    if (o->formats > ALM_REPORT_ALL || o->threads < 0) {
        return alm_fail(ALM_STATUS_USAGE, "report: formats %u of at most %d, threads %d",
                        o->formats, ALM_REPORT_ALL, o->threads);
    }
    return ALM_OK;
}

alm_status alm_report_write(const alm_eval_set *sets, int count, const alm_report_options *options)
{
    ALM_TRY(almi_check_options(options));
    const unsigned formats = options->formats ? options->formats : ALM_REPORT_ALL;
    almi_report r = {.options = options};
    csv c = {0};
    alm_status status =
        alm_pool_create(options->threads ? options->threads : alm_core_count(), &r.pool);
    if (status == ALM_OK && formats & ALM_REPORT_CSV) {
        status = begin_csv(options->folder, &c);
    }
    if (status == ALM_OK) {
        status = fill_report(&r, sets, count, &c);
    }
    if (status == ALM_OK) {
        status = write_documents(&r, formats);
    }
    if (status == ALM_OK && c.file) {
        status = flush(&c);
    }
    if (status == ALM_OK && c.file) {
        status = alm_file_write_commit(c.file);
    }
    alm_file_write_end(c.file);
    alm_buffer_free(&c.text);
    free_report(&r);
    return status;
}
