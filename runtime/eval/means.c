/* Counts and means over rows (means.h). */
#include "runtime/eval/means.h"

#include <math.h>

#include "kernels/core/memory.h"

void alm_means_add(alm_means *means, const double *metric, double pose_loss)
{
    means->rows++;
    means->pose_loss += pose_loss;
    if (metric) {
        means->valid++;
        for (int i = 0; i < ALM_METRICS; i++) {
            means->sum[i] += metric[i];
        }
    }
}

double alm_means_get(const alm_means *means, alm_metric metric)
{
    return means->sum[metric] / (double)means->valid;
}

bool alm_means_finite(const alm_means *means)
{
    bool finite = isfinite(means->pose_loss);
    for (int i = 0; i < ALM_METRICS; i++) {
        finite = finite && isfinite(means->sum[i]);
    }
    return finite;
}

void alm_means_write(alm_json_write *w, const alm_means *means)
{
    for (int i = 0; i < ALM_METRICS && means->valid > 0; i++) {
        alm_json_write_key(w, alm_mean_names[i]);
        alm_json_write_real(w, alm_means_get(means, (alm_metric)i));
    }
}

alm_status alm_category_means_at(alm_category_means *c, const char *name, alm_means **out)
{
    const size_t known = c->names.count;
    size_t index;
    /* Room comes first: a name must not be there without its means. */
    ALM_TRY(alm_reserve(known + 1, sizeof *c->means, "categories", &c->means, &c->capacity));
    ALM_TRY(alm_name_index_add(&c->names, name, &index));
    if (index == known) {
        c->means[index] = (alm_means){0};
    }
    *out = &c->means[index];
    return ALM_OK;
}

alm_status alm_category_means_write(alm_json_write *w, const alm_category_means *c,
                                    void (*write)(alm_json_write *w, const alm_means *means))
{
    size_t *order;
    ALM_TRY(alm_name_index_sorted(&c->names, &order));
    alm_json_write_key(w, "per_category");
    alm_json_write_open(w, '{');
    for (size_t i = 0; i < c->names.count; i++) {
        alm_json_write_key(w, alm_name_index_get(&c->names, order[i]));
        alm_json_write_open(w, '{');
        write(w, &c->means[order[i]]);
        alm_json_write_close(w, '}');
    }
    alm_json_write_close(w, '}');
    alm_free(order);
    return w->status;
}

void alm_category_means_free(alm_category_means *c)
{
    alm_name_index_free(&c->names);
    alm_free(c->means);
    *c = (alm_category_means){0};
}

static bool all_finite(const float *value, int count)
{
    for (int i = 0; i < count; i++) {
        if (!isfinite(value[i])) {
            return false;
        }
    }
    return true;
}

alm_status alm_eval_set_row(const alm_eval_set *set, int64_t index, alm_eval_row *row)
{
    ALM_TRY(set->row(set->context, index, row));
    row->asset = row->asset ? row->asset : "";
    row->category = row->category ? row->category : "Unlabeled";
    if (row->has_truth && (!all_finite(row->true_t, 3) || !all_finite(row->true_r, 9))) {
        row->has_truth = row->valid = false;
        row->error = "The true pose is not finite.";
    }
    if (row->valid && (!all_finite(row->pred_t, 3) || !all_finite(row->pred_r, 9))) {
        row->valid = false;
        row->error = "The pose is not finite.";
    }
    if (row->valid && !all_finite(row->metric, ALM_METRICS)) {
        row->valid = false;
        row->error = "The pose is so far away that a metric is not finite.";
    }
    if (!row->valid && !row->error) {
        row->error = ALM_INVALID_POSE;
    }
    return ALM_OK;
}
