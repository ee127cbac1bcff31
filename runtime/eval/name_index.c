/* A set of names as a crit-bit tree (names.h). An inner node names the first bit in which the names
 * below it differ; names without that bit, and shorter ones, are below child 0. Bits of the nodes
 * grow downwards, so a name that differs from all others at a bit gets its node above the first one
 * with a later bit.
 */
#include "runtime/eval/name_index.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/core/memory.h"

struct alm_name_index_node {
    size_t byte;
    uint8_t bit;      /* a mask */
    int64_t child[2]; /* a node, or -1 - n for the name number n */
};

const char *alm_name_index_get(const alm_name_index *names, size_t index)
{
    return names->text + names->at[index];
}

static int side(const alm_name_index_node *node, const char *name, size_t bytes)
{
    return node->byte < bytes && ((uint8_t)name[node->byte] & node->bit) != 0;
}

/* The name that shares the most leading bits, should one share all bits of the tree's nodes. */
static size_t relative(const alm_name_index *names, const char *name, size_t bytes)
{
    int64_t at = names->root;
    while (at >= 0) {
        at = names->node[at].child[side(&names->node[at], name, bytes)];
    }
    return (size_t)(-1 - at);
}

static alm_status append(alm_name_index *names, const char *name, size_t bytes)
{
    size_t need;
    ALM_TRY(alm_add_size(names->bytes, bytes, "names", &need));
    ALM_TRY(alm_add_size(need, 1, "names", &need));
    ALM_TRY(alm_reserve(need, 1, "names", &names->text, &names->text_capacity));
    ALM_TRY(
        alm_reserve(names->count + 1, sizeof *names->at, "names", &names->at, &names->at_capacity));
    ALM_TRY(alm_reserve(names->count + 1, sizeof *names->node, "names", &names->node,
                        &names->node_capacity));
    memcpy(names->text + names->bytes, name, bytes + 1);
    names->at[names->count++] = names->bytes;
    names->bytes = need;
    return ALM_OK;
}

/* Hangs the name (the last one) up beside all that agree with it before `made` differs. */
static void hang(alm_name_index *names, alm_name_index_node made, const char *name, size_t bytes)
{
    const int64_t index = (int64_t)names->count - 2; /* of the node: one less than names */
    int64_t *place = &names->root;
    while (*place >= 0) {
        alm_name_index_node *node = &names->node[*place];
        if (node->byte > made.byte || (node->byte == made.byte && node->bit < made.bit)) {
            break;
        }
        place = &node->child[side(node, name, bytes)];
    }
    const int mine = side(&made, name, bytes);
    made.child[mine] = -(int64_t)names->count; /* -1 - (count - 1) */
    made.child[1 - mine] = *place;
    names->node[index] = made;
    *place = index;
}

alm_status alm_name_index_add(alm_name_index *names, const char *name, size_t *index)
{
    const size_t bytes = strlen(name);
    if (names->count == 0) {
        ALM_TRY(append(names, name, bytes));
        names->root = -1;
        *index = 0;
        return ALM_OK;
    }
    const size_t nearest = relative(names, name, bytes);
    const char *other = alm_name_index_get(names, nearest);
    alm_name_index_node made = {.byte = 0};
    /* Both end in NUL, so the walk ends. */
    while (other[made.byte] == name[made.byte]) {
        if (name[made.byte] == '\0') {
            *index = nearest;
            return ALM_OK;
        }
        made.byte++;
    }
    made.bit = 0x80;
    while (((uint8_t)(other[made.byte] ^ name[made.byte]) & made.bit) == 0) {
        made.bit >>= 1;
    }
    ALM_TRY(append(names, name, bytes));
    hang(names, made, name, bytes);
    *index = names->count - 1;
    return ALM_OK;
}

typedef struct named {
    const char *name;
    size_t index;
} named;

/* Bytes of UTF-8 sort as code points do. */
static int by_name(const void *a, const void *b)
{
    return strcmp(((const named *)a)->name, ((const named *)b)->name);
}

alm_status alm_name_index_sorted(const alm_name_index *names, size_t **order)
{
    named *list;
    size_t *sorted;
    ALM_TRY(alm_alloc(names->count, sizeof *list, "names", &list));
    const alm_status status = alm_alloc(names->count, sizeof *sorted, "names", &sorted);
    if (status != ALM_OK) {
        alm_free(list);
        return status;
    }
    for (size_t i = 0; i < names->count; i++) {
        list[i] = (named){.name = alm_name_index_get(names, i), .index = i};
    }
    qsort(list, names->count, sizeof *list, by_name);
    for (size_t i = 0; i < names->count; i++) {
        sorted[i] = list[i].index;
    }
    alm_free(list);
    *order = sorted;
    return ALM_OK;
}

void alm_name_index_free(alm_name_index *names)
{
    alm_free(names->at);
    alm_free(names->text);
    alm_free(names->node);
    *names = (alm_name_index){0};
}
