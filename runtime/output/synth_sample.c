/* Makes samples (synth_sample.h). */
#include "runtime/output/synth_sample.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "kernels/core/memory.h"
#include "runtime/output/synth_pages.h"

/* Level 1: pages are mostly white; higher levels save little and take twice as long. */
enum { LEVEL = 1, TEST_BLOCK = 10, ABANDONED_OF = 250 };

struct alm_synth_maker {
    uint64_t seed;
    int styles;
    alm_pages pages;
    z_stream stream;
    bool has_stream;
    uint8_t *compressed; /* room for any page */
    size_t room;
    alm_synth_assembly assembly; /* the last one; steps of one assembly come one after another */
    alm_camera camera;
    bool has_assembly;
};

/* ---- Names ----------------------------------------------------------------------------------- */

void alm_synth_cursor_next(uint64_t seed, alm_synth_cursor *cursor)
{
    if (++cursor->step >= alm_synth_steps_of(seed, cursor->assembly)) {
        cursor->assembly++;
        cursor->step = 0;
    }
}

void alm_synth_assembly_name(uint64_t seed, uint64_t assembly, char out[ALM_SYNTH_NAME])
{
    snprintf(out, ALM_SYNTH_NAME, "%s_%06llu", alm_synth_family_of(seed, assembly)->category,
             (unsigned long long)assembly);
}

void alm_synth_sample_name(uint64_t seed, const alm_synth_cursor *at, char out[ALM_SYNTH_NAME])
{
    snprintf(out, ALM_SYNTH_NAME, "%s_%06llu_%d", alm_synth_family_of(seed, at->assembly)->category,
             (unsigned long long)at->assembly, at->step + 1);
}

bool alm_synth_is_test(uint64_t seed, uint64_t assembly)
{
    alm_random r = alm_random_of(seed, assembly / TEST_BLOCK, ALM_SYNTH_PURPOSE_SPLIT);
    return alm_random_below(&r, TEST_BLOCK) == (int)(assembly % TEST_BLOCK);
}

bool alm_synth_is_abandoned(uint64_t seed, uint64_t assembly)
{
    alm_random r = alm_random_of(seed, assembly, ALM_SYNTH_PURPOSE_ABANDON);
    return alm_random_below(&r, ABANDONED_OF) == 0;
}

/* ---- Maker ----------------------------------------------------------------------------------- */

alm_status alm_synth_maker_create(uint64_t seed, int styles, alm_synth_maker **out)
{
    alm_synth_maker *m;
    ALM_TRY(alm_calloc(1, sizeof *m, "a maker of samples", &m));
    m->seed = seed;
    m->styles = styles;
    alm_status status = alm_pages_create(&m->pages);
    if (status == ALM_OK) {
        m->has_stream = deflateInit(&m->stream, LEVEL) == Z_OK;
        status = m->has_stream ? ALM_OK : alm_fail(ALM_STATUS_MEMORY, "out of memory: zlib");
    }
    if (status == ALM_OK) {
        m->room = deflateBound(&m->stream, ALM_PAGE_BYTES);
        status = alm_alloc(m->room, 1, "a compressed page", &m->compressed);
    }
    if (status != ALM_OK) {
        alm_synth_maker_destroy(m);
        return status;
    }
    *out = m;
    return ALM_OK;
}

void alm_synth_maker_destroy(alm_synth_maker *m)
{
    if (!m) {
        return;
    }
    alm_mesh_free(&m->assembly.mesh);
    alm_pages_free(&m->pages);
    if (m->has_stream) {
        deflateEnd(&m->stream);
    }
    alm_free(m->compressed);
    alm_free(m);
}

static alm_status find_assembly(alm_synth_maker *m, uint64_t number)
{
    if (m->has_assembly && m->assembly.number == number) {
        return ALM_OK;
    }
    m->has_assembly = false;
    alm_mesh_free(&m->assembly.mesh);
    ALM_TRY(alm_synth_assembly_make(m->seed, number, &m->assembly));
    ALM_TRY(alm_pages_camera(&m->pages, &m->assembly, &m->camera));
    m->has_assembly = true;
    return ALM_OK;
}

/* ---- Sample ---------------------------------------------------------------------------------- */

static alm_status keep_page(alm_synth_maker *m, const uint8_t *rgb, alm_synth_page page,
                            alm_synth_sample *s)
{
    z_stream *z = &m->stream;
    deflateReset(z);
    z->next_in = (Bytef *)(uintptr_t)rgb;
    z->avail_in = ALM_PAGE_BYTES;
    z->next_out = m->compressed;
    z->avail_out = (uInt)m->room;
    if (deflate(z, Z_FINISH) != Z_STREAM_END) {
        return alm_fail(ALM_STATUS_INTERNAL, "zlib: a page could not be compressed");
    }
    const size_t bytes = m->room - z->avail_out;
    ALM_TRY(alm_reserve(bytes, 1, "a compressed page", &s->page[page], &s->page_room[page]));
    memcpy(s->page[page], m->compressed, bytes);
    s->page_bytes[page] = bytes;
    return ALM_OK;
}

static alm_status keep_pages(alm_synth_maker *m, bool assembled, alm_synth_sample *s)
{
    if (m->styles & ALM_SYNTH_FREESTYLE) {
        ALM_TRY(keep_page(
            m, m->pages.freestyle,
            assembled ? ALM_SYNTH_PAGE_ASSEMBLE_FREESTYLE : ALM_SYNTH_PAGE_BASE_FREESTYLE, s));
    }
    if (m->styles & ALM_SYNTH_LINEART) {
        ALM_TRY(keep_page(m, m->pages.lineart,
                          assembled ? ALM_SYNTH_PAGE_ASSEMBLE_LINEART : ALM_SYNTH_PAGE_BASE_LINEART,
                          s));
    }
    return ALM_OK;
}

static alm_status make_clouds(const alm_synth_maker *m, int step, alm_synth_sample *s)
{
    static const int points[3][2] = {{1000, 1000}, {1000, 1024}, {1024, 1024}};
    const uint64_t seed = m->seed, number = m->assembly.number, n = (uint64_t)step;
    alm_random r = alm_random_of(seed, number, ALM_SYNTH_PURPOSE_POINTS);
    alm_random moving = alm_random_of(seed, number, ALM_SYNTH_PURPOSE_MOVING + n);
    alm_random fixed = alm_random_of(seed, number, ALM_SYNTH_PURPOSE_FIXED + n);
    const int *count = points[alm_random_below(&r, 3)];
    s->moving_points = count[0];
    s->fixed_points = count[1];
    ALM_TRY(alm_mesh_sample(&m->assembly.mesh, step, step, &moving, count[0], s->moving));
    return alm_mesh_sample(&m->assembly.mesh, 0, step - 1, &fixed, count[1], s->fixed);
}

alm_status alm_synth_sample_make(alm_synth_maker *m, const alm_synth_cursor *at,
                                 alm_synth_sample *s)
{
    const int step = at->step + 1;
    ALM_TRY(find_assembly(m, at->assembly));
    s->at = *at;
    s->steps = m->assembly.steps;
    s->category = m->assembly.family->category;
    s->instruction = alm_synth_instruction(&m->assembly, step);
    alm_synth_sample_name(m->seed, at, s->name);
    ALM_TRY(make_clouds(m, step, s));
    ALM_TRY(alm_pages_base(&m->pages, &m->assembly, &m->camera, step));
    ALM_TRY(keep_pages(m, false, s));
    alm_pages_assembled(&m->pages);
    return keep_pages(m, true, s);
}

void alm_synth_sample_free(alm_synth_sample *s)
{
    for (int i = 0; s && i < ALM_SYNTH_PAGES; i++) {
        alm_free(s->page[i]);
        s->page[i] = NULL;
        s->page_bytes[i] = s->page_room[i] = 0;
    }
}
