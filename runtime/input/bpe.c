#include "runtime/input/bpe.h"

#include <string.h>
#include <time.h>

#include "kernels/core/memory.h"
#include "runtime/input/utf8.h"

#define FREE_PAIR UINT64_MAX
#define NO_TOKEN UINT32_MAX
#define NO_NODE UINT32_MAX

/* How much of a token messages show. */
enum { SHOWN = 60 };

static int shown(size_t bytes)
{
    return bytes > SHOWN ? SHOWN : (int)bytes;
}

void alm_bpe_clear(alm_bpe *bpe)
{
    alm_free(bpe->text);
    alm_free(bpe->token);
    alm_free(bpe->slot);
    alm_free(bpe->merge);
    *bpe = (alm_bpe){.tokens = 0};
}

void alm_bpe_scratch_clear(alm_bpe_scratch *scratch)
{
    alm_free(scratch->node);
    alm_free(scratch->heap);
    *scratch = (alm_bpe_scratch){.heap_count = 0};
}

/* ---- The byte alphabet ----------------------------------------------------------------------- */

static bool stands_for_itself(uint32_t code)
{
    return (code >= 33 && code <= 126) || (code >= 161 && code <= 172) ||
           (code >= 174 && code <= 255);
}

/* The byte that a character of the alphabet stands for, or -1. The 68 bytes that are no printable
 * characters come in their order from U+0100 on: 0-32, 127-160, 173. */
static int byte_of(uint32_t code)
{
    if (stands_for_itself(code)) {
        return (int)code;
    }
    if (code < 256 || code >= 256 + 68) {
        return -1;
    }
    const int n = (int)code - 256;
    return n <= 32 ? n : n <= 66 ? n - 33 + 127 : 173;
}

/* Room for `count` bytes behind the text and `extra` others. */
static alm_status reserve_text(alm_bpe *bpe, size_t extra, size_t count)
{
    const size_t used = bpe->text_bytes + extra;
    if (count > ALM_BPE_TEXT || used + count > ALM_BPE_TEXT) {
        return alm_fail(ALM_STATUS_MODEL, "%s: the tokens have more than %d bytes together",
                        bpe->file, (int)ALM_BPE_TEXT);
    }
    return alm_reserve(used + count + 1, 1, bpe->file, &bpe->text, &bpe->text_capacity);
}

/* Appends the bytes that a text of the alphabet stands for to bpe->text, behind *bytes others. Not
 * kept until text_bytes is moved. */
static alm_status append_bytes(alm_bpe *bpe, const char *text, size_t count, size_t *bytes)
{
    ALM_TRY(reserve_text(bpe, *bytes, count));
    for (size_t at = 0; at < count;) {
        uint32_t code = 0;
        const size_t n = alm_utf8_read(text + at, count - at, &code);
        const int byte = n ? byte_of(code) : -1;
        if (byte < 0) {
            return alm_fail(ALM_STATUS_MODEL,
                            "%s: token \"%.*s\" holds a character that stands for no byte (U+%04X)",
                            bpe->file, shown(count), text, code);
        }
        bpe->text[bpe->text_bytes + (*bytes)++] = (char)byte;
        at += n;
    }
    return ALM_OK;
}

/* ---- Hashes ---------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    const wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_pair(const alm_bpe *bpe, uint64_t pair)
{
    return mix(pair ^ bpe->seed, bpe->seed << 1 | 1);
}

static uint64_t hash_bytes(const alm_bpe *bpe, const char *bytes, size_t count)
{
    uint64_t hash = bpe->seed ^ count;
    for (; count > 0;) {
        uint64_t word = 0;
        const size_t n = count < 8 ? count : 8;
        memcpy(&word, bytes, n);
        hash = hash_pair(bpe, hash ^ word);
        bytes += n;
        count -= n;
    }
    return hash;
}

/* The seed decides the order in tables that nobody sees, never a result. */
static void choose_seed(alm_bpe *bpe)
{
    if (bpe->seed == 0) {
        struct timespec now = {0, 0};
        clock_gettime(CLOCK_MONOTONIC, &now);
        bpe->seed = mix((uint64_t)now.tv_nsec ^ (uint64_t)(uintptr_t)bpe, 0x9E3779B97F4A7C15u) | 1;
    }
}

/* Slot of the token with these bytes, or the free one where it belongs. */
static size_t find_slot(const alm_bpe *bpe, const char *bytes, size_t count)
{
    size_t i = hash_bytes(bpe, bytes, count) & (bpe->slots - 1);
    for (; bpe->slot[i] >= 0; i = (i + 1) & (bpe->slots - 1)) {
        const alm_bpe_token *t = &bpe->token[bpe->slot[i]];
        if (t->bytes == count && memcmp(bpe->text + t->offset, bytes, count) == 0) {
            break;
        }
    }
    return i;
}

static int32_t find_token(const alm_bpe *bpe, const char *bytes, size_t count)
{
    return bpe->slots ? bpe->slot[find_slot(bpe, bytes, count)] : -1;
}

/* At most half of the slots are in use. */
static alm_status grow_slots(alm_bpe *bpe)
{
    if (2 * (bpe->used_slots + 1) <= bpe->slots) {
        return ALM_OK;
    }
    const size_t slots = bpe->slots ? 2 * bpe->slots : 1024;
    int32_t *old = bpe->slot, *slot;
    ALM_TRY(alm_alloc(slots, sizeof *slot, bpe->file, &slot));
    memset(slot, 0xFF, slots * sizeof *slot);
    const size_t n_old = bpe->slots;
    bpe->slot = slot;
    bpe->slots = slots;
    for (size_t i = 0; i < n_old; i++) {
        if (old[i] >= 0) {
            const alm_bpe_token *t = &bpe->token[old[i]];
            bpe->slot[find_slot(bpe, bpe->text + t->offset, t->bytes)] = old[i];
        }
    }
    alm_free(old);
    return ALM_OK;
}

static size_t find_pair(const alm_bpe *bpe, uint64_t pair)
{
    size_t i = hash_pair(bpe, pair) & (bpe->merge_slots - 1);
    while (bpe->merge[i].pair != pair && bpe->merge[i].pair != FREE_PAIR) {
        i = (i + 1) & (bpe->merge_slots - 1);
    }
    return i;
}

static alm_status grow_merges(alm_bpe *bpe)
{
    if (2 * (bpe->merges + 1) <= bpe->merge_slots) {
        return ALM_OK;
    }
    const size_t slots = bpe->merge_slots ? 2 * bpe->merge_slots : 1024;
    alm_bpe_merge *old = bpe->merge, *merge;
    ALM_TRY(alm_alloc(slots, sizeof *merge, bpe->file, &merge));
    memset(merge, 0xFF, slots * sizeof *merge);
    const size_t n_old = bpe->merge_slots;
    bpe->merge = merge;
    bpe->merge_slots = slots;
    for (size_t i = 0; i < n_old; i++) {
        if (old[i].pair != FREE_PAIR) {
            bpe->merge[find_pair(bpe, old[i].pair)] = old[i];
        }
    }
    alm_free(old);
    return ALM_OK;
}

/* ---- Building -------------------------------------------------------------------------------- */

/* Makes the entry of the id; what is between the last one and it is marked as left out. */
static alm_status reserve_id(alm_bpe *bpe, const char *text, size_t bytes, int64_t id)
{
    if (id < 0 || id >= ALM_BPE_TOKENS) {
        return alm_fail(ALM_STATUS_MODEL,
                        "%s: token \"%.*s\" has the id %lld, at most %d is allowed", bpe->file,
                        shown(bytes), text, (long long)id, (int)ALM_BPE_TOKENS - 1);
    }
    const size_t index = (size_t)id;
    ALM_TRY(
        alm_reserve(index + 1, sizeof *bpe->token, bpe->file, &bpe->token, &bpe->token_capacity));
    for (; bpe->tokens <= index; bpe->tokens++) {
        bpe->token[bpe->tokens] = (alm_bpe_token){.offset = NO_TOKEN};
    }
    if (bpe->token[index].offset != NO_TOKEN) {
        return alm_fail(ALM_STATUS_MODEL, "%s: token \"%.*s\" has the id %lld of another token",
                        bpe->file, shown(bytes), text, (long long)id);
    }
    return ALM_OK;
}

alm_status alm_bpe_add(alm_bpe *bpe, const char *text, size_t bytes, int64_t id)
{
    size_t count = 0;
    choose_seed(bpe);
    if (bytes == 0) {
        return alm_fail(ALM_STATUS_MODEL, "%s: the token with the id %lld is empty", bpe->file,
                        (long long)id);
    }
    ALM_TRY(reserve_id(bpe, text, bytes, id));
    ALM_TRY(grow_slots(bpe));
    ALM_TRY(append_bytes(bpe, text, bytes, &count));
    const size_t slot = find_slot(bpe, bpe->text + bpe->text_bytes, count);
    if (bpe->slot[slot] >= 0) {
        return alm_fail(ALM_STATUS_MODEL, "%s: token \"%.*s\" is there twice", bpe->file,
                        shown(bytes), text);
    }
    bpe->slot[slot] = (int32_t)id;
    bpe->used_slots++;
    bpe->token[id] = (alm_bpe_token){(uint32_t)bpe->text_bytes, (uint32_t)count};
    bpe->text_bytes += count;
    return ALM_OK;
}

alm_status alm_bpe_add_special(alm_bpe *bpe, const char *text, size_t bytes, int64_t id)
{
    ALM_TRY(reserve_id(bpe, text, bytes, id));
    ALM_TRY(reserve_text(bpe, 0, bytes));
    memcpy(bpe->text + bpe->text_bytes, text, bytes);
    bpe->token[id] = (alm_bpe_token){(uint32_t)bpe->text_bytes, (uint32_t)bytes};
    bpe->text_bytes += bytes;
    return ALM_OK;
}

static alm_status fail_merge(const alm_bpe *bpe, const char *left, size_t left_bytes,
                             const char *right, size_t right_bytes, const char *what)
{
    return alm_fail(ALM_STATUS_MODEL, "%s: merge %zu, \"%.*s\" with \"%.*s\": %s", bpe->file,
                    bpe->merges, shown(left_bytes), left, shown(right_bytes), right, what);
}

alm_status alm_bpe_add_merge(alm_bpe *bpe, const char *left, size_t left_bytes, const char *right,
                             size_t right_bytes)
{
    size_t count = 0;
    choose_seed(bpe);
    ALM_TRY(append_bytes(bpe, left, left_bytes, &count));
    const size_t n_left = count;
    ALM_TRY(append_bytes(bpe, right, right_bytes, &count));
    const char *bytes = bpe->text + bpe->text_bytes; /* scratch: not kept */
    const int32_t a = find_token(bpe, bytes, n_left);
    const int32_t b = find_token(bpe, bytes + n_left, count - n_left);
    const int32_t both = find_token(bpe, bytes, count);
    if (a < 0 || b < 0 || both < 0) {
        return fail_merge(bpe, left, left_bytes, right, right_bytes,
                          a < 0   ? "the first is not in the vocabulary"
                          : b < 0 ? "the second is not in the vocabulary"
                                  : "what they become is not in the vocabulary");
    }
    if (bpe->merges >= ALM_BPE_MERGES) {
        return alm_fail(ALM_STATUS_MODEL, "%s: more than %d merges", bpe->file,
                        (int)ALM_BPE_MERGES);
    }
    ALM_TRY(grow_merges(bpe));
    const uint64_t pair = (uint64_t)(uint32_t)a << 32 | (uint32_t)b;
    alm_bpe_merge *m = &bpe->merge[find_pair(bpe, pair)];
    if (m->pair == pair) {
        return fail_merge(bpe, left, left_bytes, right, right_bytes, "is there twice");
    }
    *m = (alm_bpe_merge){.pair = pair, .rank = (uint32_t)bpe->merges++, .id = both};
    return ALM_OK;
}

alm_status alm_bpe_finish(alm_bpe *bpe)
{
    for (size_t id = 0; id < bpe->tokens; id++) {
        if (bpe->token[id].offset == NO_TOKEN) {
            return alm_fail(ALM_STATUS_MODEL, "%s: no token has the id %zu, the largest is %zu",
                            bpe->file, id, bpe->tokens - 1);
        }
    }
    for (int i = 0; i < 256; i++) {
        const char byte = (char)i;
        bpe->byte_id[i] = find_token(bpe, &byte, 1);
        if (bpe->byte_id[i] < 0) {
            return alm_fail(ALM_STATUS_MODEL, "%s: no token for the byte 0x%02X", bpe->file, i);
        }
    }
    return ALM_OK;
}

/* ---- Merging a piece ------------------------------------------------------------------------- */

/* A piece is a list of nodes, one a byte at first, in which `at` keeps the place of its first byte.
 * The heap holds neighbours that can merge, lowest rank first, leftmost among equals. An entry is
 * stale when the pair at its place has another rank by now. */

static const alm_bpe_merge *merge_at(const alm_bpe *bpe, const alm_bpe_node *node, uint32_t at)
{
    const uint32_t next = node[at].next;
    if (next == NO_NODE || node[at].id < 0 || bpe->merge_slots == 0) {
        return NULL;
    }
    const uint64_t pair = (uint64_t)(uint32_t)node[at].id << 32 | (uint32_t)node[next].id;
    const alm_bpe_merge *m = &bpe->merge[find_pair(bpe, pair)];
    return m->pair == pair ? m : NULL;
}

static bool before(alm_bpe_candidate a, alm_bpe_candidate b)
{
    return a.rank != b.rank ? a.rank < b.rank : a.at < b.at;
}

static alm_status push(const alm_bpe *bpe, alm_bpe_scratch *s, uint32_t at)
{
    const alm_bpe_merge *m = merge_at(bpe, s->node, at);
    if (!m) {
        return ALM_OK;
    }
    ALM_TRY(alm_reserve(s->heap_count + 1, sizeof *s->heap, "the tokenizer", &s->heap,
                        &s->heap_capacity));
    const alm_bpe_candidate made = {.rank = m->rank, .at = at};
    size_t i = s->heap_count++;
    for (; i > 0 && before(made, s->heap[(i - 1) / 2]); i = (i - 1) / 2) {
        s->heap[i] = s->heap[(i - 1) / 2];
    }
    s->heap[i] = made;
    return ALM_OK;
}

static alm_bpe_candidate pop(alm_bpe_scratch *s)
{
    const alm_bpe_candidate top = s->heap[0], last = s->heap[--s->heap_count];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= s->heap_count) {
            break;
        }
        child += child + 1 < s->heap_count && before(s->heap[child + 1], s->heap[child]);
        if (!before(s->heap[child], last)) {
            break;
        }
        s->heap[i] = s->heap[child];
        i = child;
    }
    if (s->heap_count > 0) {
        s->heap[i] = last;
    }
    return top;
}

/* Merges the node with its successor, which leaves the list. */
static void join(alm_bpe_node *node, uint32_t at, int32_t id)
{
    const uint32_t gone = node[at].next, next = node[gone].next;
    node[at].id = id;
    node[at].next = next;
    node[gone].id = -1;
    if (next != NO_NODE) {
        node[next].previous = at;
    }
}

static alm_status merge_all(const alm_bpe *bpe, alm_bpe_scratch *s, size_t bytes)
{
    s->heap_count = 0;
    for (uint32_t i = 0; i < bytes; i++) {
        ALM_TRY(push(bpe, s, i));
    }
    while (s->heap_count > 0) {
        const alm_bpe_candidate c = pop(s);
        const alm_bpe_merge *m = merge_at(bpe, s->node, c.at);
        if (!m || m->rank != c.rank) {
            continue;
        }
        join(s->node, c.at, m->id);
        ALM_TRY(push(bpe, s, c.at));
        if (s->node[c.at].previous != NO_NODE) {
            ALM_TRY(push(bpe, s, s->node[c.at].previous));
        }
    }
    return ALM_OK;
}

alm_status alm_bpe_encode(const alm_bpe *bpe, alm_bpe_scratch *scratch, const char *piece,
                          size_t bytes, alm_ids *ids)
{
    if (bytes == 0) {
        return ALM_OK;
    }
    ALM_TRY(alm_reserve(bytes, sizeof *scratch->node, "the tokenizer", &scratch->node,
                        &scratch->node_capacity));
    alm_bpe_node *node = scratch->node;
    for (uint32_t i = 0; i < bytes; i++) {
        node[i] = (alm_bpe_node){.previous = i ? i - 1 : NO_NODE,
                                 .next = i + 1 < bytes ? i + 1 : NO_NODE,
                                 .id = bpe->byte_id[(unsigned char)piece[i]]};
    }
    ALM_TRY(merge_all(bpe, scratch, bytes));
    for (uint32_t i = 0; i != NO_NODE; i = node[i].next) {
        ALM_TRY(
            alm_reserve(ids->count + 1, sizeof *ids->id, "token ids", &ids->id, &ids->capacity));
        ids->id[ids->count++] = node[i].id;
    }
    return ALM_OK;
}
