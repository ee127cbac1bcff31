#include "runtime/rounded.h"

#include <pthread.h>

#include "kernels/core/memory.h"
#include "kernels/core/numeric.h"
#include "kernels/core/parallel.h"

enum { PIECE = 1 << 18 /* elements that a thread rounds at once */ };

struct alm_rounded {
    const alm_state *state;
    pthread_mutex_t lock; /* of what is made: a copy that is there stays as it is */
    alm_bf16 *copy[];     /* [tensors of the state] */
};

typedef struct rounding {
    const float *from;
    alm_bf16 *to;
    int64_t count;
} rounding;

alm_status alm_rounded_create(const alm_state *state, alm_rounded **out)
{
    alm_rounded *r;
    const size_t copies = (size_t)alm_state_count(state) * sizeof r->copy[0];
    ALM_TRY(alm_calloc(1, sizeof *r + copies, "rounded weights", &r));
    if (pthread_mutex_init(&r->lock, NULL) != 0) {
        alm_free(r);
        return alm_fail(ALM_STATUS_MEMORY, "out of memory: a mutex");
    }
    r->state = state;
    *out = r;
    return ALM_OK;
}

void alm_rounded_destroy(alm_rounded *r)
{
    if (!r) {
        return;
    }
    for (int i = 0; i < alm_state_count(r->state); i++) {
        alm_free(r->copy[i]);
    }
    pthread_mutex_destroy(&r->lock);
    alm_free(r);
}

static void round_piece(void *context, int64_t index, int thread)
{
    const rounding *r = context;
    const int64_t begin = index * PIECE, left = r->count - begin;
    (void)thread;
    for (int64_t i = begin; i < begin + (left < PIECE ? left : PIECE); i++) {
        r->to[i] = alm_bf16_from_f32(r->from[i]);
    }
}

static alm_status make_copy(alm_rounded *r, int index, alm_pool **pool)
{
    const alm_state_tensor *t = alm_state_at(r->state, index);
    const int64_t count = alm_desc_count(&t->desc);
    if (!*pool) {
        ALM_TRY(alm_pool_create(alm_core_count(), pool));
    }
    ALM_TRY(alm_alloc((size_t)count, sizeof(alm_bf16), t->name, &r->copy[index]));
    rounding work = {.from = t->data, .to = r->copy[index], .count = count};
    alm_parallel_for(*pool, (count + PIECE - 1) / PIECE, round_piece, &work);
    return ALM_OK;
}

alm_status alm_rounded_make(alm_rounded *r, const alm_graph *g)
{
    alm_pool *pool = NULL;
    alm_status status = ALM_OK;
    pthread_mutex_lock(&r->lock);
    for (int v = 0; v < g->n_values && status == ALM_OK; v++) {
        const alm_value_info *info = &g->values[v];
        const int index = info->storage == ALM_STORAGE_WEIGHT && info->desc.dtype == ALM_DTYPE_BF16
                              ? alm_state_index(r->state, info->name)
                              : -1;
        if (index >= 0 && !r->copy[index] &&
            alm_state_at(r->state, index)->desc.dtype == ALM_DTYPE_F32) {
            status = make_copy(r, index, &pool);
        }
    }
    pthread_mutex_unlock(&r->lock);
    alm_pool_destroy(pool);
    return status;
}

const void *alm_rounded_weight(void *rounded, const char *name, const alm_desc *desc)
{
    alm_rounded *r = rounded;
    const int index = alm_state_index(r->state, name);
    if (index < 0) {
        return NULL;
    }
    const alm_state_tensor *t = alm_state_at(r->state, index);
    if (t->desc.dtype == desc->dtype) {
        return t->data;
    }
    pthread_mutex_lock(&r->lock);
    const void *copy = desc->dtype == ALM_DTYPE_BF16 ? r->copy[index] : NULL;
    pthread_mutex_unlock(&r->lock);
    return copy;
}
