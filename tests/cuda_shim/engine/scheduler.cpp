/* Runs the threads of one block: who goes on next, barriers, meetings of warps, what happens when
 * nobody can go on.
 *
 * A thread runs until it waits. A barrier wakes its threads when the last one arrives; a warp
 * collective is computed for all its lanes by the lane that arrives last. Threads that have ended
 * hold up nobody. When no thread can go on, the block is stuck, and the table of who waits where is
 * printed.
 */
#include "tests/cuda_shim/engine/engine.h"

#include <stdio.h>
#include <string.h>

namespace shim
{

enum { BARRIERS = 16, MOST_IDLE_ROUNDS = 100000 };

Thread *current;
unsigned long resumes;

static Thread thread_sets[2][MAX_THREADS]; /* TSan: even and odd blocks */
static Thread *threads = thread_sets[0];
static int n_threads, n_live, n_asleep;
static Launch running;

/* Threads that can go on: bits, or for fifo a ring. */
static uint64_t ready[MAX_THREADS / 64];
static int ring[MAX_THREADS];
static unsigned ring_first, ring_count;
static int warp_priority[MAX_WARPS]; /* first goes first */

static unsigned warp_waiting[MAX_WARPS], warp_exited[MAX_WARPS]; /* lanes */
static int barrier_waiting[BARRIERS];

#if SHIM_TSAN
static char block_start, blocks_end;
/* Two per barrier, in turns: with one, a thread that wakes late would be ordered after the next
 * phase too, and races would hide. */
static char barrier_order[BARRIERS][2];
static unsigned barrier_phase[BARRIERS];
#endif

/* ---- Who goes on next ---- */

static void make_ready(Thread *t)
{
    t->state = STATE_READY;
    if (settings.order == ALM_SHIM_ORDER_FIFO) {
        ring[(ring_first + ring_count++) % MAX_THREADS] = (int)t->linear;
    } else {
        ready[t->linear / 64] |= 1ull << t->linear % 64;
    }
}

static int take_ready(int i)
{
    ready[i / 64] &= ~(1ull << i % 64);
    return i;
}

/* A random set bit. */
static int random_bit(uint64_t bits, int width)
{
    const int start = (int)random_below((unsigned)width);
    for (int k = 0; k < width; k++) {
        const int bit = (start + k) % width;
        if (bits >> bit & 1) {
            return bit;
        }
    }
    return -1;
}

static int next_random(int words)
{
    const int start = (int)random_below((unsigned)words);
    for (int k = 0; k < words; k++) {
        const int w = (start + k) % words;
        if (ready[w]) {
            return take_ready(w * 64 + random_bit(ready[w], 64));
        }
    }
    return -1;
}

static int next_by_warp()
{
    for (int k = 0; k < (n_threads + WARP - 1) / WARP; k++) {
        const int w = warp_priority[k];
        const unsigned lanes = (unsigned)(ready[w / 2] >> w % 2 * 32);
        if (lanes) {
            return take_ready(w * WARP + random_bit(lanes, WARP));
        }
    }
    return -1;
}

static int next_thread()
{
    const int words = (n_threads + 63) / 64;
    switch (settings.order) {
    case ALM_SHIM_ORDER_FIFO:
        if (!ring_count) {
            return -1;
        }
        ring_count--;
        ring_first++;
        return ring[(ring_first - 1) % MAX_THREADS];
    case ALM_SHIM_ORDER_RANDOM: return next_random(words);
    case ALM_SHIM_ORDER_WARPS: return next_by_warp();
    case ALM_SHIM_ORDER_HIGH:
        for (int w = words - 1; w >= 0; w--) {
            if (ready[w]) {
                return take_ready(w * 64 + 63 - __builtin_clzll(ready[w]));
            }
        }
        return -1;
    default:
        for (int w = 0; w < words; w++) {
            if (ready[w]) {
                return take_ready(w * 64 + __builtin_ctzll(ready[w]));
            }
        }
        return -1;
    }
}

static void draw_priorities()
{
    const int n = (n_threads + WARP - 1) / WARP;
    for (int i = 0; i < n; i++) {
        warp_priority[i] = i;
    }
    for (int i = n - 1; i > 0; i--) {
        const int j = (int)random_below((unsigned)i + 1), other = warp_priority[j];
        warp_priority[j] = warp_priority[i];
        warp_priority[i] = other;
    }
}

static void wait()
{
    switch_to_scheduler(current->fiber);
}

void yield_point()
{
    const bool random =
        settings.order == ALM_SHIM_ORDER_RANDOM || settings.order == ALM_SHIM_ORDER_WARPS;
    if (random && random_below(4) == 0) {
        make_ready(current);
        wait();
    }
}

void spin_wait()
{
    current->state = STATE_ASLEEP;
    current->what = "__nanosleep";
    n_asleep++;
    wait();
}

unsigned active_lanes()
{
    unsigned lanes = 0;
    for (unsigned i = current->warp * WARP; i < (current->warp + 1) * WARP; i++) {
        if ((int)i < n_threads && threads[i].state != STATE_EXITED &&
            threads[i].state != STATE_BARRIER) {
            lanes |= 1u << i % WARP;
        }
    }
    return lanes;
}

/* ---- Nobody can go on ---- */

static bool same_wait(const Thread *a, const Thread *b)
{
    return a->state == b->state && a->mask == b->mask && a->what == b->what &&
           a->place.line == b->place.line && a->place.file == b->place.file;
}

static void print_wait(const Thread *t)
{
    switch (t->state) {
    case STATE_NEW: fprintf(stderr, "not started"); return;
    case STATE_READY: fprintf(stderr, "can go on"); return;
    case STATE_ASLEEP: fprintf(stderr, "spinning"); return;
    case STATE_EXITED: fprintf(stderr, "ended"); return;
    default: break;
    }
    fprintf(stderr, "waiting in %s", t->what);
    if (t->state == STATE_WARP) {
        fprintf(stderr, " mask %08x", t->mask);
    } else if (t->barrier) {
        fprintf(stderr, " %d of %d threads", t->barrier, t->barrier_threads);
    }
    fprintf(stderr, " at %s:%d", t->place.file, t->place.line);
}

[[noreturn]] static void stuck(const char *why)
{
    fflush(stdout);
    fprintf(stderr, "cuda_shim: the threads of the block:\n");
    for (int i = 0; i < n_threads;) {
        int end = i + 1;
        while (end < n_threads && same_wait(&threads[i], &threads[end])) {
            end++;
        }
        fprintf(stderr, "    %d ... %d: ", i, end - 1);
        print_wait(&threads[i]);
        fprintf(stderr, "\n");
        i = end;
    }
    current = nullptr;
    fail("%s", why);
}

/* ---- Barriers ---- */

static void release_barrier(int id)
{
    const Thread *first = nullptr;
    int came = 0;
    for (int i = 0; i < n_threads; i++) {
        const Thread *t = &threads[i];
        if (t->state != STATE_BARRIER || t->barrier != id) {
            continue;
        }
        first = first ? first : t;
        came += t->value != 0;
        if (!id && (t->place.line != first->place.line || t->place.file != first->place.file)) {
            stuck("divergent __syncthreads: threads of one block met at different barriers");
        }
        if (t->barrier_threads != first->barrier_threads) {
            stuck("a named barrier was met with different numbers of threads");
        }
    }
    barrier_waiting[id] = 0;
#if SHIM_TSAN
    barrier_phase[id]++;
#endif
    for (int i = 0; i < n_threads; i++) {
        if (threads[i].state == STATE_BARRIER && threads[i].barrier == id) {
            threads[i].result = (uint64_t)came;
            make_ready(&threads[i]);
        }
    }
    if (settings.order == ALM_SHIM_ORDER_WARPS && random_below(2)) {
        draw_priorities();
    }
}

int barrier(const char *what, int id, int count, uint64_t value, Place place)
{
    Thread *me = current;
    if (id < 0 || id >= BARRIERS || count < 0 || count % WARP ||
        count > (n_threads + WARP - 1) / WARP * WARP || (id == 0) != (count == 0)) {
        fail(
            "%s at %s:%d: barrier %d over %d threads, expected 1 ... 15 over a multiple of 32 that "
            "the block of %d has",
            what, place.file, place.line, id, count, n_threads);
    }
    me->what = what;
    me->place = place;
    me->mask = 0;
    me->barrier = id;
    me->barrier_threads = count;
    me->value = value;
    me->state = STATE_BARRIER;
#if SHIM_TSAN
    char *order = &barrier_order[id][barrier_phase[id] % 2];
    release_order(order);
#endif
    if (++barrier_waiting[id] >= (count ? count : n_live)) {
        release_barrier(id);
    }
    wait();
#if SHIM_TSAN
    acquire_order(order);
#endif
    return (int)me->result;
}

/* ---- Meetings of a warp ---- */

#if SHIM_TSAN
/* __syncwarp orders memory; shuffles, votes and matrix products do not. */
static void order_lanes(Thread *lane0, unsigned group)
{
    static char order;
    void *me = this_identity();
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < WARP; i++) {
            if (group >> i & 1) {
                become_identity(lane0[i].identity);
                if (pass == 0) {
                    release_order(&order);
                } else {
                    acquire_order(&order);
                }
            }
        }
    }
    become_identity(me);
}
#endif

/* Computes the collective in which t waits if all its lanes are there. */
static bool try_meeting(Thread *t)
{
    if ((t->mask & ~(warp_waiting[t->warp] | warp_exited[t->warp])) != 0) {
        return false;
    }
    Thread *lane0 = &threads[t->warp * WARP];
    const unsigned group = t->mask & ~warp_exited[t->warp];
    for (int i = 0; i < WARP; i++) {
        if ((group >> i & 1) && (lane0[i].operation != t->operation || lane0[i].mask != t->mask)) {
            return false;
        }
    }
    for (int i = 0; i < WARP; i++) {
        if ((group >> i & 1) &&
            (lane0[i].place.line != t->place.line || lane0[i].place.file != t->place.file)) {
            stuck("divergent warp collective: lanes of one mask met at different source lines");
        }
    }
    t->operation(lane0, group);
#if SHIM_TSAN
    if (t->operation == op_none) {
        order_lanes(lane0, group);
    }
#endif
    warp_waiting[t->warp] &= ~group;
    for (int i = 0; i < WARP; i++) {
        if (group >> i & 1) {
            make_ready(&lane0[i]);
        }
    }
    return true;
}

void warp_collective(const char *what, WarpOperation operation, unsigned mask, Place place)
{
    Thread *me = current;
    me->what = what;
    me->place = place;
    me->mask = mask;
    me->operation = operation;
    if (!(mask >> me->lane & 1)) {
        fail("%s at %s:%d: mask %08x does not contain the calling lane %u", what, place.file,
             place.line, mask, me->lane);
    }
    me->state = STATE_WARP;
    warp_waiting[me->warp] |= 1u << me->lane;
    if (try_meeting(me) && settings.order == ALM_SHIM_ORDER_LOW) {
        /* A shorter way for the plain order: the last lane just goes on. */
        take_ready((int)me->linear);
        return;
    }
    wait();
}

/* ---- The block ---- */

static void end_thread()
{
    Thread *me = current;
    if (copies_in_flight(me->copies)) {
        fail("the thread ends with asynchronous copies that it never waited for");
    }
    me->state = STATE_EXITED;
    n_live--;
    warp_exited[me->warp] |= 1u << me->lane;
    if (barrier_waiting[0] && barrier_waiting[0] >= n_live) {
        release_barrier(0);
    }
    for (unsigned i = me->warp * WARP; i < (me->warp + 1) * WARP && (int)i < n_threads; i++) {
        if (threads[i].state == STATE_WARP && (threads[i].mask >> me->lane & 1)) {
            try_meeting(&threads[i]);
        }
    }
}

void run_current_thread()
{
#if SHIM_TSAN
    acquire_order(&block_start);
#endif
    running.call(running.args);
#if SHIM_TSAN
    release_order(&blocks_end);
#endif
    end_thread();
}

void prepare_threads(int count)
{
    n_threads = count;
#if SHIM_TSAN
    release_order(&block_start);
#endif
}

void order_after_blocks()
{
#if SHIM_TSAN
    acquire_order(&blocks_end);
#endif
}

static void start_thread(Thread *t, int i, bool odd)
{
#if SHIM_TSAN
    if (!t->identity) {
        char name[48];
        snprintf(name, sizeof name, "cuda thread %d%s", i, odd ? " (odd block)" : "");
        t->identity = __tsan_create_fiber(0);
        __tsan_set_fiber_name(t->identity, name);
    }
#endif
    t->linear = (unsigned)i;
    t->warp = (unsigned)i / WARP;
    t->lane = (unsigned)i % WARP;
    t->index.x = (unsigned)i % blockDim.x;
    t->index.y = (unsigned)i / blockDim.x % blockDim.y;
    t->index.z = (unsigned)i / blockDim.x / blockDim.y;
    t->what = "";
    t->place = Place{"", 0};
    t->mask = 0;
    t->fenced = false;
    t->last_atomic = nullptr;
    t->copies = copies_of(odd, i);
    clear_copies(t->copies);
    make_ready(t);
    t->state = STATE_NEW;
}

static void start_block(bool odd)
{
    threads = thread_sets[SHIM_TSAN && odd];
    n_live = n_threads;
    n_asleep = 0;
    ring_first = ring_count = 0;
    memset(ready, 0, sizeof ready);
    memset(warp_waiting, 0, sizeof warp_waiting);
    memset(warp_exited, 0, sizeof warp_exited);
    memset(barrier_waiting, 0, sizeof barrier_waiting);
    if (n_threads % WARP) { /* lanes that do not exist have ended */
        warp_exited[n_threads / WARP] = ~0u << n_threads % WARP;
    }
    draw_priorities();
    for (int i = 0; i < n_threads; i++) {
        start_thread(&threads[i], i, SHIM_TSAN && odd);
    }
}

/* Wakes the sleepers when nobody else can go on. */
static int next_or_stuck(int *idle_rounds)
{
    int next = next_thread();
    if (next < 0 && n_asleep) {
        if (++*idle_rounds > MOST_IDLE_ROUNDS) {
            stuck("livelock: every thread spins or waits");
        }
        n_asleep = 0;
        for (int i = 0; i < n_threads; i++) {
            if (threads[i].state == STATE_ASLEEP) {
                make_ready(&threads[i]);
            }
        }
        next = next_thread();
    }
    if (next < 0) {
        stuck("deadlock: no thread can go on");
    }
    return next;
}

void run_block(const Launch &launch, bool odd)
{
    running = launch;
    start_block(odd);
    int idle_rounds = 0;
    while (n_live) {
        current = &threads[next_or_stuck(&idle_rounds)];
        if (!current->fiber) {
            current->fiber = take_fiber();
        }
        current->state = STATE_READY;
        resumes++;
        switch_to_fiber(current->fiber);
        /* To TSan a stack must always be the same thread's. */
        if (!SHIM_TSAN && current->state == STATE_EXITED) {
            return_fiber(current->fiber);
            current->fiber = nullptr;
        }
    }
    current = nullptr;
}

} // namespace shim
