/* Shared memory of the running block, and the asynchronous copies into it.
 *
 * Every SHARED variable and the dynamic memory are heap objects of their own, so that ASan sees
 * where each ends; between the parts of an arena lie gaps that nobody may touch. All is 0xFF at the
 * start of a block: NaN as float and as bf16, -1 as an integer.
 */
#include "tests/cuda_shim/engine/engine.h"

#include <stdlib.h>

namespace shim
{

enum { MAX_VARIABLES = 128, MAX_PARTS = 64, MAX_COPIES = 512, MAX_GROUPS = 64 };
/* Between parts. Only under ASan: elsewhere parts lie as on a GPU. */
enum : size_t { GAP = SHIM_ASAN ? 64 : 0, ARENA_ALIGNMENT = 1024, PART_ALIGNMENT = 16 };

struct Copies {
    Copy copy[MAX_COPIES];
    unsigned first, end;            /* of the copies in flight */
    unsigned group_end[MAX_GROUPS]; /* the copies before it */
    unsigned first_group, end_group;
};

static SharedVariable *variables[MAX_VARIABLES];
static int n_variables;
static uint64_t block_number = 1; /* never the same twice */

static unsigned char *arena;
static size_t arena_bytes;    /* what the launch paid for */
static size_t arena_capacity; /* with gaps */
static size_t part_offset[MAX_PARTS], part_bytes[MAX_PARTS];
static int n_parts; /* that some thread of the block has taken */

static Copies copies[1 + SHIM_TSAN][MAX_THREADS];

/* ---- Variables ---- */

/* The address is a multiple of the alignment, not of twice that. */
static void allocate_variable(SharedVariable *v, size_t bytes, size_t alignment)
{
    const size_t shift = alignment < 128 ? alignment : 0;
    v->allocation = fresh_memory(alignment < 128 ? 128 : alignment, shift + bytes);
    v->memory = (char *)v->allocation + shift;
    v->bytes = bytes;
    poison(v->allocation, shift);
    if (n_variables == MAX_VARIABLES) {
        fail("more than %d shared variables in the kernel", MAX_VARIABLES);
    }
    variables[n_variables++] = v;
}

void *shared_variable(SharedVariable *v, size_t bytes, size_t alignment)
{
    if (v->block != block_number) {
        if (!v->memory) {
            allocate_variable(v, bytes, alignment);
        }
        v->block = block_number;
        fill_bytes(v->memory, 0xFF, bytes);
        mark_unwritten(v->memory, bytes);
    }
    return v->memory;
}

/* ---- The arena ---- */

static void allocate_arena()
{
    arena = (unsigned char *)fresh_memory(ARENA_ALIGNMENT, arena_capacity);
}

void *shared_part(int *part, size_t *used, size_t bytes)
{
    const size_t rounded = (bytes + PART_ALIGNMENT - 1) / PART_ALIGNMENT * PART_ALIGNMENT;
    if (*part == MAX_PARTS) {
        fail("arena of shared memory: more than %d parts", MAX_PARTS);
    }
    if (*used + bytes > arena_bytes) {
        fail("arena of shared memory: part %d ends at %zu bytes, the launch paid for %zu", *part,
             *used + bytes, arena_bytes);
    }
    const size_t offset = *used + (size_t)*part * GAP;
    if (*part == n_parts) {
        part_offset[n_parts] = offset;
        part_bytes[n_parts++] = bytes;
        unpoison(arena + offset, bytes);
    } else if (part_offset[*part] != offset || part_bytes[*part] != bytes) {
        fail("arena of shared memory: part %d is %zu bytes at %zu, another thread of the block has "
             "%zu at %zu",
             *part, bytes, *used, part_bytes[*part], part_offset[*part] - (size_t)*part * GAP);
    }
    *used += rounded;
    (*part)++;
    return arena + offset;
}

void begin_shared(size_t dynamic_bytes)
{
    arena_bytes = dynamic_bytes;
    arena_capacity = dynamic_bytes + MAX_PARTS * (GAP + PART_ALIGNMENT);
    allocate_arena();
}

static void free_variables()
{
    for (int i = 0; i < n_variables; i++) {
        free(variables[i]->allocation);
        variables[i]->memory = nullptr;
    }
    n_variables = 0;
}

void begin_block_shared([[maybe_unused]] bool first)
{
#if SHIM_TSAN
    if (!first) { /* a new block begins without a history */
        free(arena);
        allocate_arena();
        free_variables();
    }
#endif
    block_number++;
    n_parts = 0;
    fill_bytes(arena, 0xFF, arena_capacity);
    mark_unwritten(arena, arena_capacity);
    poison(arena, arena_capacity);
}

void end_shared()
{
    unpoison(arena, arena_capacity);
    free(arena);
    arena = nullptr;
    free_variables();
}

static bool is_shared(const void *p, size_t bytes)
{
    const uintptr_t at = (uintptr_t)p;
    if (at >= (uintptr_t)arena && at + bytes <= (uintptr_t)arena + arena_capacity) {
        return true;
    }
    for (int i = 0; i < n_variables; i++) {
        const uintptr_t base = (uintptr_t)variables[i]->memory;
        if (variables[i]->block == block_number && at >= base &&
            at + bytes <= base + variables[i]->bytes) {
            return true;
        }
    }
    return false;
}

void check_shared(const char *what, const void *p, size_t bytes, Place place)
{
    if ((uintptr_t)p % 16) {
        fail("%s at %s:%d: shared address %p is not a multiple of 16", what, place.file, place.line,
             p);
    }
    if (!is_shared(p, bytes)) {
        fail("%s at %s:%d: %p is not shared memory of this block", what, place.file, place.line, p);
    }
}

/* ---- Asynchronous copies ---- */

Copies *copies_of(bool odd, int thread)
{
    return &copies[odd][thread];
}

void clear_copies(Copies *q)
{
    q->first = q->end = q->first_group = q->end_group = 0;
}

bool copies_in_flight(const Copies *q)
{
    return q->first != q->end;
}

/* What lands at once stays in the list as a copy of nothing: it has yet to be waited for. */
bool issue_copy(const Copy &copy, Place place)
{
    check_shared("copy_async16", copy.to, 16, place);
    if ((uintptr_t)copy.from % 16) {
        fail("copy_async16 at %s:%d: global address %p is not a multiple of 16", place.file,
             place.line, copy.from);
    }
    if (copy.valid < 0 || copy.valid > 16) {
        fail("copy_async16 at %s:%d: %d valid bytes, expected 0 ... 16", place.file, place.line,
             copy.valid);
    }
    Copies *q = current->copies;
    if (q->end - q->first == MAX_COPIES) {
        fail("copy_async16 at %s:%d: more than %d copies of one thread in flight", place.file,
             place.line, MAX_COPIES);
    }
    const bool now = settings.copies == ALM_SHIM_COPIES_EAGER ||
                     (settings.copies == ALM_SHIM_COPIES_RANDOM && random_below(2));
    q->copy[q->end % MAX_COPIES] = copy;
    if (now) {
        q->copy[q->end % MAX_COPIES].to = nullptr;
    }
    q->end++;
    return now;
}

void commit_copies()
{
    Copies *q = current->copies;
    if (q->end_group - q->first_group == MAX_GROUPS) {
        fail("copy_async_commit: more than %d groups of one thread in flight", MAX_GROUPS);
    }
    q->group_end[q->end_group++ % MAX_GROUPS] = q->end;
}

bool next_copy(int groups_in_flight, Copy *copy)
{
    Copies *q = current->copies;
    while (q->end_group - q->first_group > (unsigned)groups_in_flight) {
        while (q->first != q->group_end[q->first_group % MAX_GROUPS]) {
            *copy = q->copy[q->first++ % MAX_COPIES];
            if (copy->to) {
                return true;
            }
        }
        q->first_group++;
    }
    return false;
}

} // namespace shim
