/* A session's place on the GPU: two streams, for the two lanes of a plan; and what is said when the
 * GPU is lost. */
#include <stdio.h>

#include "kernels/core/memory.h"
#include "runtime/cuda/cuda_backend.h"

void almi_cuda_timeline_destroy(alm_timeline *base)
{
    alm_cuda_timeline *t = (alm_cuda_timeline *)base;
    almi_cuda_use_at_end(base->target);
    for (int i = 0; i < 2; i++) {
        if (t->stream[i]) {
            (void)cudaStreamDestroy(t->stream[i]);
        }
    }
    alm_libraries_destroy(t->libraries);
    if (t->fork) {
        (void)cudaEventDestroy(t->fork);
    }
    if (t->join) {
        (void)cudaEventDestroy(t->join);
    }
    alm_free(t);
}

static alm_status open_streams(alm_cuda_timeline *t)
{
    ALM_TRY(almi_cuda_use((alm_cuda_target *)t->base.target));
    ALM_TRY(alm_libraries_create(&t->libraries));
    for (int i = 0; i < 2; i++) {
        ALM_TRY(almi_cuda_check(cudaStreamCreateWithFlags(&t->stream[i], cudaStreamNonBlocking),
                                "creating a stream"));
        almi_cuda_name_stream(t->stream[i], i == 0 ? "assemlm" : "assemlm, points");
    }
    ALM_TRY(almi_cuda_check(cudaEventCreateWithFlags(&t->fork, cudaEventDisableTiming),
                            "creating an event"));
    return almi_cuda_check(cudaEventCreateWithFlags(&t->join, cudaEventDisableTiming),
                           "creating an event");
}

alm_status almi_cuda_timeline_create(alm_target *target, int threads, alm_timeline **out)
{
    (void)threads;
    alm_cuda_timeline *t;
    ALM_TRY(alm_calloc(1, sizeof *t, "timeline", &t));
    t->base = (alm_timeline){.target = target, .device = target->device};
    const alm_status status = almi_cuda_timeline_check(t, open_streams(t));
    if (status != ALM_OK) {
        almi_cuda_timeline_destroy(&t->base);
        return status;
    }
    *out = &t->base;
    return ALM_OK;
}

alm_status almi_cuda_state_create(alm_timeline *timeline, size_t bytes, void **out)
{
    alm_cuda_timeline *t = (alm_cuda_timeline *)timeline;
    ALM_TRY(almi_cuda_timeline_use(t));
    return almi_cuda_timeline_check(t, almi_cuda_alloc(bytes, "keys and values", out));
}

void almi_cuda_state_destroy(alm_timeline *timeline, void *state)
{
    almi_cuda_use_at_end(timeline->target);
    almi_cuda_free(state);
}

/* ---- When the GPU is lost ---- */

alm_status almi_cuda_timeline_use(alm_cuda_timeline *t)
{
    if (t->lost) {
        return alm_fail(ALM_STATUS_RESTART,
                        "the GPU was lost before: only a new process can go on");
    }
    return almi_cuda_timeline_check(t, almi_cuda_use((alm_cuda_target *)t->base.target));
}

void almi_cuda_note_launch(alm_cuda_timeline *t, const char *name)
{
    char *to = t->last[t->launches++ % ALM_CUDA_LAST_LAUNCHES];
    size_t n = 0;
    for (; name[n] && n < ALM_CUDA_LAUNCH_NAME - 1; n++) {
        to[n] = name[n];
    }
    to[n] = '\0';
}

alm_status almi_cuda_timeline_check(alm_cuda_timeline *t, alm_status status)
{
    if (status != ALM_STATUS_RESTART || t->lost) {
        return status;
    }
    t->lost = true;
    char list[ALM_CUDA_LAST_LAUNCHES * (ALM_CUDA_LAUNCH_NAME + 2)] = "none", text[512];
    size_t at = 0;
    for (unsigned i = 1; i <= ALM_CUDA_LAST_LAUNCHES && i <= t->launches; i++) {
        at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", i > 1 ? ", " : "",
                               t->last[(t->launches - i) % ALM_CUDA_LAST_LAUNCHES]);
    }
    snprintf(text, sizeof text, "%s", alm_error_message());
    return alm_fail(status, "%s; the last launches, newest first: %s", text, list);
}
