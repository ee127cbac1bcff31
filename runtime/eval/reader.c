#include "runtime/eval/reader.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/clock.h"

/* One batch is worked on while the next is read. Requests ahead of what was received keep the
 * file's process busy. */
enum { SLOTS = 2, AHEAD = 16 };

typedef struct slot {
    alm_eval_batch batch;
    bool full;
} slot;

struct alm_eval_reader {
    const alm_eval_plan *plan;
    alm_eval_data *data;
    const alm_eval_items *items;
    const uint8_t *done;
    unsigned parts;
    int size;
    int64_t at; /* the next item */
    slot slots[SLOTS];
    unsigned filled, taken; /* batches */
    bool holds;             /* the batch before `taken` is with the caller */
    alm_status status;      /* of the thread; its text is in `error` */
    char error[ALM_EVAL_TEXT];
    bool stopping, started;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
};

static bool is_done(const alm_eval_reader *r, const alm_eval_item *item)
{
    const int64_t number = r->plan->set[item->set].first + item->at;
    return r->done && (r->done[number / 8] >> number % 8 & 1);
}

/* The next items into the batch, and the objects that they need. */
static void gather(alm_eval_reader *r, alm_eval_batch *b)
{
    b->count = b->objects = 0;
    while (r->at < r->items->count && b->count < r->size) {
        const alm_eval_item *item = &r->items->item[r->at++];
        if (is_done(r, item)) {
            continue;
        }
        if (b->objects == 0 || !alm_eval_items_same(item, b->object[b->objects - 1].item)) {
            alm_eval_object *o = &b->object[b->objects++];
            o->item = item;
            o->key = alm_names_at(&r->data->file[item->file].split[item->split].keys, item->local);
            o->status = ALM_OK;
            o->error[0] = '\0';
        }
        b->object_of[b->count] = b->objects - 1;
        b->item[b->count++] = item;
    }
}

/* A bad sample is the object's matter; anything else ends the reading. */
static alm_status settle(alm_eval_object *o, alm_status status)
{
    if (status == ALM_STATUS_SAMPLE) {
        o->status = status;
        snprintf(o->error, sizeof o->error, "%s", alm_error_message());
        return ALM_OK;
    }
    return status;
}

static alm_status read_objects(alm_eval_reader *r, alm_eval_batch *b)
{
    int asked = 0;
    for (int got = 0; got < b->objects; got++) {
        for (; asked < b->objects && asked - got < AHEAD; asked++) {
            alm_eval_object *o = &b->object[asked];
            ALM_TRY(settle(
                o, alm_dataset_request(r->data->file[o->item->file].open, o->key, r->parts)));
        }
        alm_eval_object *o = &b->object[got];
        const double begin = alm_now_ms();
        if (o->status == ALM_OK) {
            ALM_TRY(settle(o, alm_dataset_receive(r->data->file[o->item->file].open, &o->asset)));
        }
        o->ms = alm_now_ms() - begin;
    }
    return ALM_OK;
}

static void *work(void *context)
{
    alm_eval_reader *r = context;
    pthread_mutex_lock(&r->lock);
    for (;;) {
        slot *s = &r->slots[r->filled % SLOTS];
        while (s->full && !r->stopping) {
            pthread_cond_wait(&r->changed, &r->lock);
        }
        if (r->stopping || r->status != ALM_OK) {
            break;
        }
        pthread_mutex_unlock(&r->lock);
        gather(r, &s->batch);
        const alm_status status = read_objects(r, &s->batch);
        pthread_mutex_lock(&r->lock);
        if (status != ALM_OK) {
            r->status = status;
            snprintf(r->error, sizeof r->error, "%s", alm_error_message());
        }
        s->full = true;
        r->filled++;
        pthread_cond_broadcast(&r->changed);
        if (s->batch.count == 0) {
            break;
        }
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

static alm_status create_slots(alm_eval_reader *r)
{
    const size_t n = (size_t)r->size;
    for (int i = 0; i < SLOTS; i++) {
        alm_eval_batch *b = &r->slots[i].batch;
        ALM_TRY(alm_calloc(n, sizeof *b->item, "a batch", &b->item));
        ALM_TRY(alm_calloc(n, sizeof *b->object_of, "a batch", &b->object_of));
        ALM_TRY(alm_calloc(n, sizeof *b->object, "a batch", &b->object));
    }
    return ALM_OK;
}

alm_status alm_eval_reader_create(const alm_eval_plan *plan, alm_eval_data *data,
                                  const alm_eval_items *items, const uint8_t *done, int size,
                                  unsigned parts, alm_eval_reader **out)
{
    alm_eval_reader *r;
    ALM_TRY(alm_calloc(1, sizeof *r, "a reader", &r));
    r->plan = plan;
    r->data = data;
    r->items = items;
    r->done = done;
    r->size = size;
    r->parts = parts;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    alm_status status = create_slots(r);
    if (status == ALM_OK) {
        r->started = pthread_create(&r->thread, NULL, work, r) == 0;
        status = r->started ? ALM_OK : alm_fail(ALM_STATUS_MEMORY, "a thread cannot be started");
    }
    if (status != ALM_OK) {
        alm_eval_reader_destroy(r);
        return status;
    }
    *out = r;
    return ALM_OK;
}

void alm_eval_reader_destroy(alm_eval_reader *r)
{
    if (!r) {
        return;
    }
    if (r->started) {
        pthread_mutex_lock(&r->lock);
        r->stopping = true;
        pthread_cond_broadcast(&r->changed);
        pthread_mutex_unlock(&r->lock);
        pthread_join(r->thread, NULL);
    }
    for (int i = 0; i < SLOTS; i++) {
        alm_eval_batch *b = &r->slots[i].batch;
        for (int o = 0; b->object && o < r->size; o++) {
            alm_asset_free(&b->object[o].asset);
        }
        alm_free(b->item);
        alm_free(b->object_of);
        alm_free(b->object);
    }
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
    alm_free(r);
}

alm_status alm_eval_reader_next(alm_eval_reader *r, alm_eval_batch **out)
{
    pthread_mutex_lock(&r->lock);
    if (r->holds) {
        r->slots[(r->taken - 1) % SLOTS].full = false;
        pthread_cond_broadcast(&r->changed);
    }
    slot *s = &r->slots[r->taken % SLOTS];
    while (!s->full) {
        pthread_cond_wait(&r->changed, &r->lock);
    }
    r->taken++;
    r->holds = true;
    const alm_status status = r->status;
    pthread_mutex_unlock(&r->lock);
    *out = &s->batch;
    return status == ALM_OK ? ALM_OK : alm_fail(status, "%s", r->error);
}
