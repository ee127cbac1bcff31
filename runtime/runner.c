#include "runtime/runner.h"

#include <math.h>
#include <string.h>

#include "graph/fuse_deepstack.h"
#include "graph/fuse_qkv.h"
#include "graph/narrow.h"
#include "kernels/core/env.h"
#include "kernels/token_embed/token_embed.h"

static bool lookup_weight(void *context, const char *name, alm_desc *out)
{
    const alm_state_tensor *t = alm_state_find(context, name);
    if (t) {
        *out = t->desc;
    }
    return t != NULL;
}

alm_status alm_runner_plan(alm_runner *r, const alm_engine *e, alm_dtype arithmetic,
                           const alm_device *device, alm_shape_class shape)
{
    ALM_TRY(alm_assemlm2_build(&e->settings->model, shape, lookup_weight, e->state, &r->model));
    if (arithmetic == ALM_DTYPE_BF16) {
        ALM_TRY(alm_graph_narrow(r->model.graph));
    }
    if (device->backend == ALM_BACKEND_CUDA) {
        ALM_TRY(alm_graph_fuse_qkv(r->model.graph));
        ALM_TRY(alm_graph_fuse_deepstack(r->model.graph));
    }
    ALM_TRY(alm_plan_create(r->model.graph, device, alm_env_get("ASSEMLM_KERNEL"), &r->plan));
    ALM_TRY(alm_plan_verify(r->plan));
    r->shape = shape;
    return ALM_OK;
}

alm_status alm_runner_bind(alm_runner *r, const alm_engine *e, alm_timeline *timeline, void *state)
{
    ALM_TRY(alm_rounded_make(e->rounded, r->model.graph));
    return alm_executor_create(timeline, r->plan, alm_rounded_weight, e->rounded, state,
                               &r->executor);
}

void alm_runner_clear(alm_runner *r)
{
    alm_executor_destroy(r->executor);
    alm_plan_destroy(r->plan);
    alm_graph_destroy(r->model.graph);
    *r = (alm_runner){0};
}

int alm_prefix_tokens(const alm_prompt *prompt)
{
    int i = 0;
    while (i < prompt->used && prompt->source[2 * i] != ALM_TOKEN_POINT) {
        i++;
    }
    return i;
}

/* ---- Inputs ---- */

static void fill(const alm_runner *r, alm_value input, const void *data, size_t bytes)
{
    memcpy(alm_executor_input(r->executor, input), data, bytes);
}

static void fill_int(const alm_runner *r, alm_value input, int64_t value)
{
    const int32_t narrow = (int32_t)value;
    fill(r, input, &narrow, sizeof narrow);
}

void alm_runner_patch_rules(const alm_grid grid[ALM_PAGES], int32_t *rule)
{
    int32_t begin = 0;
    for (int page = 0; page < ALM_PAGES; page++) {
        const int32_t end = begin + grid[page].rows * grid[page].columns;
        for (int32_t i = begin; i < end; i++) {
            rule[3 * i] = begin;
            rule[3 * i + 1] = end;
            rule[3 * i + 2] = 0;
        }
        begin = end;
    }
}

alm_pixel_room alm_pixel_room_for(const alm_vision_config *v, int64_t patches)
{
    enum { TAPS = 8 };
    const int64_t bytes = 3 * patches * v->patch * v->patch,
                  spans = (int64_t)ALM_PAGES * 2 * v->patch * (int64_t)ceil(sqrt((double)patches));
    return (alm_pixel_room){.bytes = bytes, .wide = bytes, .spans = spans, .weights = TAPS * spans};
}

alm_pixel_room alm_pixel_room_of(const alm_resize *r)
{
    return (alm_pixel_room){.bytes = r->bytes,
                            .wide = r->wide,
                            .spans = (int64_t)r->spans,
                            .weights = (int64_t)r->weights};
}

static void fill_pixels(const alm_runner *r, const alm_prepared *p)
{
    const alm_assemlm2_inputs *in = &r->model.in;
    uint8_t *rgb = alm_executor_input(r->executor, in->rgb);
    for (int i = 0; i < ALM_PAGES; i++) {
        const size_t bytes = 3 * (size_t)p->page[i].width * (size_t)p->page[i].height;
        memcpy(rgb, p->page[i].rgb, bytes);
        rgb += bytes;
    }
    fill(r, in->page, p->resize.page, sizeof p->resize.page);
    fill(r, in->span, p->resize.span, p->resize.spans * 4 * sizeof(int32_t));
    fill(r, in->weight, p->resize.weight, p->resize.weights * sizeof(int32_t));
}

static void fill_pages(const alm_runner *r, const alm_vision_config *v, const alm_prepared *p)
{
    const alm_assemlm2_inputs *in = &r->model.in;
    const size_t n = (size_t)p->patches;
    const size_t row =
        (size_t)v->channels * (size_t)v->temporal_patch * (size_t)v->patch * (size_t)v->patch;
    if (r->shape.pixels.bytes) {
        fill_pixels(r, p);
    } else {
        fill(r, in->bytes, p->bytes, n * row);
    }
    fill(r, in->table_index, p->table_index, n * 4 * sizeof(int32_t));
    fill(r, in->table_weight, p->table_weight, n * 4 * sizeof(float));
    fill(r, in->patch_position, p->patch_position, n * 2 * sizeof(int32_t));
    fill_int(r, in->n_patches, p->patches);
    fill_int(r, in->n_image_tokens, p->patches / (v->merge * v->merge));
    alm_runner_patch_rules(p->grid, alm_executor_input(r->executor, in->patch_rule));
}

void alm_runner_fill(const alm_runner *r, const alm_vision_config *vision, const alm_prepared *p,
                     int first)
{
    const alm_assemlm2_inputs *in = &r->model.in;
    const alm_prompt *prompt = p->prompt;
    const size_t used = (size_t)prompt->used, skip = (size_t)first, rows = used - skip;
    if (!r->shape.warm) {
        fill_pages(r, vision, p);
    }
    fill(r, in->fixed, p->fixed, ALM_CLOUD_POINTS * 3 * sizeof(float));
    fill(r, in->moving, p->moving, ALM_CLOUD_POINTS * 3 * sizeof(float));
    fill(r, in->source, prompt->source + 2 * skip, rows * 2 * sizeof(int32_t));
    fill(r, in->position, prompt->position + 3 * skip, rows * 3 * sizeof(int32_t));
    fill(r, in->query_rule, prompt->rule + 3 * skip, rows * 3 * sizeof(int32_t));
    fill(r, in->key_rule, prompt->rule, used * 3 * sizeof(int32_t));
    fill(r, in->last_rule, prompt->rule + 3 * (used - 1), 3 * sizeof(int32_t));
    fill_int(r, in->last, (int64_t)rows - 1);
    fill_int(r, in->first, first);
    fill_int(r, in->n_rows, (int64_t)rows);
    fill_int(r, in->n_tokens, (int64_t)used);
}
