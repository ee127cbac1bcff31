/* The weights on the device: uploaded once a device, in the order in which the graph names them, so
 * that layers that belong together (q, k, v; gate and up) lie side by side.
 *
 * The way: the file is mapped; threads copy it piece by piece into pinned buffers (which reads the
 * disk), and while they fill one buffer the device fetches the one before. Tensors that share their
 * storage in the file share it here.
 */
#include <stdlib.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "kernels/core/parallel.h"
#include "runtime/cuda/cuda_backend.h"
#include "runtime/ranges.h"

enum {
    BUFFERS = 4,
    BUFFER_BYTES = 16 << 20,
    PIECE_BYTES = 512 << 10, /* what a thread copies at once */
    DEVICE_ALIGNMENT = 256
};

typedef struct weight {
    const char *name; /* owned by the state file, or a copy: see keep_name */
    const void *host;
    alm_dtype dtype;      /* graphs may have one weight in two types: they are two here */
    size_t bytes, offset; /* in the device block */
} weight;

struct alm_cuda_weights {
    alm_cuda_weights *next; /* an earlier upload */
    char *device;
    size_t bytes;
    int count;
    weight *entries; /* by name */
    char *names;     /* the texts of all names */
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const weight *)a)->name, ((const weight *)b)->name);
}

static const void *find(const alm_cuda_weights *w, const char *name, const alm_desc *desc)
{
    const weight key = {.name = name};
    for (; w; w = w->next) {
        const weight *found =
            bsearch(&key, w->entries, (size_t)w->count, sizeof *w->entries, by_name);
        if (found && found->dtype == desc->dtype) {
            return w->device + found->offset;
        }
    }
    return NULL;
}

const void *almi_cuda_weight(alm_cuda_target *t, const char *name, const alm_desc *desc)
{
    pthread_mutex_lock(&t->lock);
    const void *found = find(t->weights, name, desc);
    pthread_mutex_unlock(&t->lock);
    return found;
}

static void free_upload(alm_cuda_weights *w)
{
    almi_cuda_free(w->device);
    alm_free(w->entries);
    alm_free(w->names);
    alm_free(w);
}

void almi_cuda_weights_free(alm_cuda_target *t)
{
    while (t->weights) {
        alm_cuda_weights *next = t->weights->next;
        free_upload(t->weights);
        t->weights = next;
    }
}

/* ---- What has to go ---- */

/* Fills w->entries with the weights of the graph that are not there yet, in the graph's order, and
 * their places. */
static alm_status collect(const alm_cuda_target *t, const alm_graph *g, alm_weight_data *lookup,
                          void *context, alm_cuda_weights *w)
{
    size_t name_bytes = 0;
    for (int v = 0; v < g->n_values; v++) {
        name_bytes += strlen(g->values[v].name) + 1;
    }
    ALM_TRY(alm_alloc((size_t)g->n_values, sizeof *w->entries, "weights", &w->entries));
    ALM_TRY(alm_alloc(name_bytes, 1, "weights", &w->names));
    char *text = w->names;
    for (int v = 0; v < g->n_values; v++) {
        const alm_value_info *info = &g->values[v];
        if (info->storage != ALM_STORAGE_WEIGHT || find(t->weights, info->name, &info->desc)) {
            continue;
        }
        weight fresh = {.name = text,
                        .host = lookup(context, info->name, &info->desc),
                        .dtype = info->desc.dtype};
        if (!fresh.host) {
            return alm_fail(ALM_STATUS_INTERNAL, "%s: no data", info->name);
        }
        ALM_TRY(alm_desc_bytes(&info->desc, info->name, &fresh.bytes));
        fresh.offset = w->bytes;
        bool known = false, same_storage = false;
        for (int i = 0; i < w->count && !known; i++) { /* a few hundred: once a start */
            known = strcmp(w->entries[i].name, info->name) == 0;
            if (w->entries[i].host == fresh.host && w->entries[i].bytes == fresh.bytes) {
                same_storage = true;
                fresh.offset = w->entries[i].offset;
            }
        }
        if (known) {
            continue;
        }
        if (!same_storage) {
            w->bytes += (fresh.bytes + DEVICE_ALIGNMENT - 1) / DEVICE_ALIGNMENT * DEVICE_ALIGNMENT;
        }
        const size_t n = strlen(info->name) + 1;
        memcpy(text, info->name, n);
        text += n;
        w->entries[w->count++] = fresh;
    }
    return ALM_OK;
}

/* ---- The way to the device ---- */

typedef struct upload {
    cudaStream_t stream;
    alm_pool *pool;
    char *buffer[BUFFERS];
    cudaEvent_t free[BUFFERS]; /* recorded when the device has fetched the buffer */
    int next;
} upload;

typedef struct copy {
    char *to;
    const char *from;
    size_t bytes;
} copy;

static void copy_piece(void *context, int64_t index, int thread)
{
    (void)thread;
    const copy *c = context;
    const size_t begin = (size_t)index * PIECE_BYTES, left = c->bytes - begin;
    memcpy(c->to + begin, c->from + begin, left < PIECE_BYTES ? left : PIECE_BYTES);
}

static alm_status send(upload *u, char *to, const char *from, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        const int b = u->next++ % BUFFERS;
        const size_t left = bytes - done, n = left < BUFFER_BYTES ? left : BUFFER_BYTES;
        ALM_TRY(almi_cuda_check(cudaEventSynchronize(u->free[b]), "uploading weights"));
        copy c = {.to = u->buffer[b], .from = from + done, .bytes = n};
        alm_parallel_for(u->pool, (int64_t)((n + PIECE_BYTES - 1) / PIECE_BYTES), copy_piece, &c);
        ALM_TRY(
            almi_cuda_check(cudaMemcpyAsync(to + done, c.to, n, cudaMemcpyHostToDevice, u->stream),
                            "uploading weights"));
        ALM_TRY(almi_cuda_check(cudaEventRecord(u->free[b], u->stream), "uploading weights"));
        done += n;
    }
    return ALM_OK;
}

static alm_status open_upload(upload *u)
{
    ALM_TRY(alm_pool_create(alm_core_count(), &u->pool));
    ALM_TRY(almi_cuda_check(cudaStreamCreateWithFlags(&u->stream, cudaStreamNonBlocking),
                            "a stream for weights"));
    almi_cuda_name_stream(u->stream, "assemlm, weights");
    for (int b = 0; b < BUFFERS; b++) {
        ALM_TRY(almi_cuda_alloc_pinned(BUFFER_BYTES, "uploading weights", &u->buffer[b]));
        ALM_TRY(almi_cuda_check(cudaEventCreateWithFlags(&u->free[b], cudaEventDisableTiming),
                                "an event for weights"));
    }
    return ALM_OK;
}

static void close_upload(upload *u)
{
    for (int b = 0; b < BUFFERS; b++) {
        almi_cuda_free_pinned(u->buffer[b]);
        if (u->free[b]) {
            (void)cudaEventDestroy(u->free[b]);
        }
    }
    if (u->stream) {
        (void)cudaStreamDestroy(u->stream);
    }
    alm_pool_destroy(u->pool);
}

/* Small tensors go along in one buffer each; that is a few hundred copies of some KB. */
static alm_status send_all(const alm_cuda_weights *w, upload *u)
{
    ALM_TRY(open_upload(u));
    size_t sent = 0;
    for (int i = 0; i < w->count; i++) {
        const weight *e = &w->entries[i];
        if (i > 0 && e->offset < sent) {
            continue; /* shares the storage of an earlier one */
        }
        ALM_TRY(send(u, w->device + e->offset, e->host, e->bytes));
        sent = e->offset + e->bytes;
    }
    return almi_cuda_check(cudaStreamSynchronize(u->stream), "uploading weights");
}

static alm_status load(alm_cuda_target *t, const alm_graph *g, alm_weight_data *lookup,
                       void *context, alm_cuda_weights *w)
{
    ALM_TRY(collect(t, g, lookup, context, w));
    if (w->count == 0) {
        return ALM_OK;
    }
    ALM_TRY(almi_cuda_alloc(w->bytes, "weights", &w->device));
    upload u = {.next = 0};
    alm_range_begin("io", "weights");
    const alm_status status = send_all(w, &u);
    alm_range_end();
    close_upload(&u);
    qsort(w->entries, (size_t)w->count, sizeof *w->entries, by_name);
    return status;
}

alm_status almi_cuda_weights_load(alm_cuda_target *t, const alm_graph *g, alm_weight_data *lookup,
                                  void *context)
{
    alm_cuda_weights *w;
    ALM_TRY(alm_calloc(1, sizeof *w, "weights", &w));
    pthread_mutex_lock(&t->lock);
    const alm_status status = load(t, g, lookup, context, w);
    if (status == ALM_OK && w->count > 0) {
        w->next = t->weights;
        t->weights = w;
        w = NULL;
    }
    pthread_mutex_unlock(&t->lock);
    if (w) {
        free_upload(w);
    }
    return status;
}
