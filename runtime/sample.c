#include "runtime/sample.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/clock.h"
#include "runtime/ranges.h"

double alm_units_scale(alm_units units)
{
    switch (units) {
    case ALM_UNITS_M: return 1.0;
    case ALM_UNITS_CM: return 0.01;
    case ALM_UNITS_MM: return 0.001;
    case ALM_UNITS_UNIT: return 1.0;
    }
    return 1.0;
}

ALM_PRINTF(2, 3)
static void warn(alm_prepared *p, const char *format, ...)
{
    if (p->warning_count < ALM_WARNINGS) {
        va_list args;
        va_start(args, format);
        vsnprintf(p->warning[p->warning_count++], ALM_WARNING_TEXT, format, args);
        va_end(args);
    }
}

/* ---- Clouds ---- */

alm_status alm_cloud_load(const alm_cloud_source *source, const char *param, alm_cloud *out)
{
    alm_cloud cloud = {0};
    alm_status status;
    if (source->path) {
        alm_range_begin("io", "cloud");
        status = alm_cloud_read(source->path, &cloud);
        alm_range_end();
    } else if (!source->xyz) {
        status = alm_fail(ALM_STATUS_SAMPLE, "the %s cloud is missing", param);
    } else {
        char name[32];
        snprintf(name, sizeof name, "%s cloud", param);
        status = alm_cloud_check(source->xyz, source->count, name);
        if (status == ALM_OK) {
            status = alm_alloc((size_t)source->count, 3 * sizeof *cloud.xyz, name, &cloud.xyz);
        }
        if (status == ALM_OK) {
            memcpy(cloud.xyz, source->xyz, (size_t)source->count * 3 * sizeof *cloud.xyz);
            cloud.count = source->count;
        }
    }
    if (status != ALM_OK) {
        return alm_fail_param(status, param);
    }
    *out = cloud;
    return ALM_OK;
}

/* Parts of furniture are at most some metres: a larger cloud is likely in other units. */
static void warn_of_size(alm_prepared *p, const char *which, const float *xyz, alm_units units)
{
    float low[3] = {INFINITY, INFINITY, INFINITY}, high[3] = {-INFINITY, -INFINITY, -INFINITY},
          size = 0;
    for (int i = 0; i < 3 * ALM_CLOUD_POINTS; i++) {
        low[i % 3] = fminf(low[i % 3], xyz[i]);
        high[i % 3] = fmaxf(high[i % 3], xyz[i]);
    }
    for (int i = 0; i < 3; i++) {
        size = fmaxf(size, high[i] - low[i]);
    }
    if (size == 0) {
        warn(p, "%s cloud: all points are the same", which);
    } else if (units != ALM_UNITS_UNIT && size > 50) {
        warn(p, "%s cloud: %g m across; if the numbers are millimetres, say units mm", which,
             (double)size);
    }
}

static alm_status prepare_cloud(alm_prepared *p, const alm_cloud *cloud, const char *which,
                                const double center[3], alm_units units, float **out)
{
    float *xyz;
    ALM_TRY(alm_alloc(ALM_CLOUD_POINTS, 3 * sizeof *xyz, "resampled cloud", &xyz));
    alm_cloud_resample(cloud->xyz, cloud->count, center, ALM_CLOUD_POINTS, xyz);
    const double scale = alm_units_scale(units);
    for (int i = 0; scale != 1.0 && i < 3 * ALM_CLOUD_POINTS; i++) {
        xyz[i] = (float)(xyz[i] * scale);
    }
    warn_of_size(p, which, xyz, units);
    if (cloud->count < ALM_CLOUD_POINTS) {
        warn(p, "%s cloud: %lld points, fewer than %d: some are repeated", which,
             (long long)cloud->count, ALM_CLOUD_POINTS);
    }
    *out = xyz;
    return ALM_OK;
}

static alm_status prepare_clouds(alm_prepared *p, const alm_sample *sample,
                                 const alm_cloud cloud[2])
{
    static const double origin[3] = {0};
    p->fixed_points = cloud[0].count;
    p->moving_points = cloud[1].count;
    alm_range_begin("preprocess", "clouds");
    if (!sample->moving_is_centred) {
        alm_cloud_mean(cloud[1].xyz, cloud[1].count, p->center);
    }
    alm_status status = prepare_cloud(p, &cloud[0], "fixed", origin, sample->units, &p->fixed);
    if (status == ALM_OK) {
        status = prepare_cloud(p, &cloud[1], "moving", p->center, sample->units, &p->moving);
    }
    alm_range_end();
    return status;
}

/* ---- Pages ---- */

static alm_status load_page(const alm_page_source *source, int number, alm_image *out)
{
    if (source->path) {
        alm_range_begin("io", "page");
        const alm_status status = alm_image_read(source->path, out);
        alm_range_end();
        return status;
    }
    if (!source->rgb) {
        return alm_fail(ALM_STATUS_SAMPLE, "page %d of the manual is missing", number + 1);
    }
    if (source->width < 1 || source->height < 1 ||
        (int64_t)source->width * source->height > ALM_IMAGE_PIXELS) {
        return alm_fail(ALM_STATUS_SAMPLE, "page %d: %d x %d pixels, expected 1 to %d in all",
                        number + 1, source->width, source->height, ALM_IMAGE_PIXELS);
    }
    alm_image image = {.width = source->width, .height = source->height};
    const size_t pixels = (size_t)image.width * (size_t)image.height;
    ALM_TRY(alm_alloc(pixels, 3, "page", &image.rgb));
    memcpy(image.rgb, source->rgb, pixels * 3);
    *out = image;
    return ALM_OK;
}

/* A GPU resizes and cuts the page, which moves to *p. */
static alm_status keep_page(alm_prepared *p, const alm_page_rule *rule, int i, alm_image *image)
{
    p->page[i] = *image;
    *image = (alm_image){0};
    return alm_fail_param(
        alm_resize_add(&p->resize, rule, p->page[i].width, p->page[i].height, p->grid[i]),
        "manual");
}

static alm_status choose_grids(const alm_page_rule *rule, alm_prepared *p, const alm_sample *sample,
                               const alm_image image[ALM_PAGES])
{
    for (int i = 0; i < ALM_PAGES; i++) {
        char name[32];
        snprintf(name, sizeof name, "page %d", i + 1);
        const char *shown = sample->page[i].path ? sample->page[i].path : name;
        ALM_TRY(alm_fail_param(
            alm_page_grid(rule, image[i].width, image[i].height, shown, &p->grid[i]), "manual"));
        p->patches += (int64_t)p->grid[i].rows * p->grid[i].columns;
    }
    return ALM_OK;
}

static alm_status make_prompt(const alm_engine *e, alm_prepared *p, const alm_sample *sample)
{
    const size_t category_bytes =
        sample->category_bytes ? sample->category_bytes : strlen(sample->category);
    alm_range_begin("tokenize", "prompt");
    const alm_status status = alm_prompt_build(e->settings, e->tokenizer, p->grid, sample->category,
                                               category_bytes, &p->prompt);
    alm_range_end();
    return status;
}

static alm_status cut_pages(const alm_engine *e, const alm_page_rule *rule, alm_prepared *p,
                            alm_image image[ALM_PAGES])
{
    const bool on_gpu = e->target[0]->device.backend == ALM_BACKEND_CUDA;
    const alm_vision_config *v = &e->settings->model.vision;
    const size_t n = (size_t)p->patches;
    const size_t row =
        (size_t)v->channels * (size_t)v->temporal_patch * (size_t)v->patch * (size_t)v->patch;
    if (!on_gpu) {
        ALM_TRY(alm_alloc(n, row, "patches", &p->bytes));
    }
    ALM_TRY(alm_alloc(n, 4 * sizeof *p->table_index, "patches", &p->table_index));
    ALM_TRY(alm_alloc(n, 4 * sizeof *p->table_weight, "patches", &p->table_weight));
    ALM_TRY(alm_alloc(n, 2 * sizeof *p->patch_position, "patches", &p->patch_position));
    size_t at = 0;
    for (int i = 0; i < ALM_PAGES; i++) {
        ALM_TRY(on_gpu ? keep_page(p, rule, i, &image[i])
                       : alm_page_patches(rule, &image[i], p->grid[i], p->bytes + at * row));
        alm_page_positions(rule, v->grid_side, p->grid[i], p->table_index + 4 * at,
                           p->table_weight + 4 * at, p->patch_position + 2 * at);
        at += (size_t)p->grid[i].rows * (size_t)p->grid[i].columns;
    }
    return ALM_OK;
}

/* Grids first, so that a page that makes the prompt too long is refused before it is resized. */
static alm_status prepare_pages(const alm_engine *e, alm_prepared *p, const alm_sample *sample,
                                alm_image image[ALM_PAGES])
{
    const alm_page_rule rule = alm_page_rule_of(e->settings);
    ALM_TRY(choose_grids(&rule, p, sample, image));
    ALM_TRY(make_prompt(e, p, sample));
    alm_range_begin("preprocess", "pages");
    const alm_status status = cut_pages(e, &rule, p, image);
    alm_range_end();
    return status;
}

/* ---- The whole sample ---- */

static alm_status prepare(const alm_engine *e, const alm_sample *sample, alm_cloud cloud[2],
                          alm_image image[ALM_PAGES], alm_prepared *p)
{
    const double start = alm_now_ms();
    if (!sample->category) {
        return alm_fail_param(alm_fail(ALM_STATUS_SAMPLE, "the category is missing"), "category");
    }
    ALM_TRY(alm_cloud_load(&sample->fixed, "fixed", &cloud[0]));
    ALM_TRY(alm_cloud_load(&sample->moving, "moving", &cloud[1]));
    for (int i = 0; i < ALM_PAGES; i++) {
        ALM_TRY(alm_fail_param(load_page(&sample->page[i], i, &image[i]), "manual"));
    }
    p->read_ms = alm_now_ms() - start;
    ALM_TRY(prepare_clouds(p, sample, cloud));
    ALM_TRY(prepare_pages(e, p, sample, image));
    p->prepare_ms = alm_now_ms() - start - p->read_ms;
    return ALM_OK;
}

alm_status alm_sample_prepare(const alm_engine *engine, const alm_sample *sample,
                              alm_prepared **out)
{
    alm_cloud cloud[2] = {{0}};
    alm_image image[ALM_PAGES] = {{0}};
    alm_prepared *p;
    ALM_TRY(alm_calloc(1, sizeof *p, "sample", &p));
    const alm_status status = prepare(engine, sample, cloud, image, p);
    for (int i = 0; i < 2; i++) {
        alm_cloud_free(&cloud[i]);
    }
    for (int i = 0; i < ALM_PAGES; i++) {
        alm_image_free(&image[i]);
    }
    if (status != ALM_OK) {
        alm_prepared_free(p);
        return status;
    }
    *out = p;
    return ALM_OK;
}

void alm_prepared_free(alm_prepared *p)
{
    if (!p) {
        return;
    }
    alm_prompt_free(p->prompt);
    alm_free(p->fixed);
    alm_free(p->moving);
    alm_free(p->bytes);
    for (int i = 0; i < ALM_PAGES; i++) {
        alm_image_free(&p->page[i]);
    }
    alm_resize_free(&p->resize);
    alm_free(p->table_index);
    alm_free(p->table_weight);
    alm_free(p->patch_position);
    alm_free(p);
}
