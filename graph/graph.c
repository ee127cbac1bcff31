#include "graph/graph.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernels/core/memory.h"

/* Strings and arrays of a graph live in blocks that are freed together. */
enum { BLOCK_BYTES = 1 << 16 };

typedef struct block {
    struct block *next;
    size_t used, size;
} block;

struct alm_graph_storage {
    alm_weight_lookup *lookup;
    void *context;
    block *blocks;
    size_t value_capacity, node_capacity;
};

static bool failed(const alm_graph *g)
{
    return g->status != ALM_OK;
}

void alm_graph_fail(alm_graph *g, alm_status status)
{
    if (g->status == ALM_OK) {
        g->status = status;
    }
}

/* NULL after an error. */
static void *take(alm_graph *g, size_t bytes)
{
    struct alm_graph_storage *s = g->storage;
    const size_t need = (bytes + 15) / 16 * 16;
    if (failed(g)) {
        return NULL;
    }
    if (!s->blocks || s->blocks->size - s->blocks->used < need) {
        const size_t size = need > BLOCK_BYTES ? need : BLOCK_BYTES;
        block *fresh;
        const alm_status status = alm_alloc(1, sizeof *fresh + size, "graph", &fresh);
        if (status != ALM_OK) {
            alm_graph_fail(g, status);
            return NULL;
        }
        *fresh = (block){.next = s->blocks, .size = size};
        s->blocks = fresh;
    }
    void *place = (char *)(s->blocks + 1) + s->blocks->used;
    s->blocks->used += need;
    return place;
}

static const void *keep(alm_graph *g, const void *data, size_t bytes)
{
    void *copy = take(g, bytes ? bytes : 1);
    if (copy && bytes) {
        memcpy(copy, data, bytes);
    }
    return copy;
}

alm_status alm_graph_create(alm_weight_lookup *lookup, void *context, alm_graph **out)
{
    alm_graph *g;
    ALM_TRY(alm_calloc(1, sizeof *g, "graph", &g));
    const alm_status status = alm_calloc(1, sizeof *g->storage, "graph", &g->storage);
    if (status != ALM_OK) {
        alm_free(g);
        return status;
    }
    g->storage->lookup = lookup;
    g->storage->context = context;
    *out = g;
    return ALM_OK;
}

void alm_graph_destroy(alm_graph *g)
{
    if (!g) {
        return;
    }
    for (block *b = g->storage->blocks; b;) {
        block *next = b->next;
        alm_free(b);
        b = next;
    }
    alm_free(g->storage);
    alm_free(g->values);
    alm_free(g->nodes);
    alm_free(g);
}

alm_status alm_graph_status(const alm_graph *g)
{
    return g->status;
}

const char *alm_graph_text(alm_graph *g, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char *kept = keep(g, text, strlen(text) + 1);
    return kept ? kept : "";
}

const char *alm_graph_join(alm_graph *g, const char *prefix, const char *name)
{
    return alm_graph_text(g, "%s%s", prefix, name);
}

static alm_value append_value(alm_graph *g, const char *name, alm_value_info info)
{
    if (failed(g)) {
        return ALM_NONE;
    }
    const alm_status status = alm_reserve((size_t)g->n_values + 1, sizeof *g->values, "graph",
                                          &g->values, &g->storage->value_capacity);
    info.name = alm_graph_text(g, "%s", name);
    if (status != ALM_OK || failed(g)) {
        alm_graph_fail(g, status);
        return ALM_NONE;
    }
    const alm_value id = g->n_values++;
    if (info.storage != ALM_STORAGE_VIEW) {
        info.root = id;
    }
    g->values[id] = info;
    return id;
}

static alm_value_info packed(alm_desc desc, alm_storage storage, alm_value count)
{
    return (alm_value_info){.desc = desc,
                            .stride = alm_desc_row(&desc),
                            .count = count,
                            .storage = storage,
                            .producer = -1};
}

alm_value alm_graph_input(alm_graph *g, const char *name, alm_desc desc, alm_value count)
{
    return append_value(g, name, packed(desc, ALM_STORAGE_INPUT, count));
}

alm_value alm_graph_state(alm_graph *g, const char *name, alm_desc desc, alm_value count)
{
    return append_value(g, name, packed(desc, ALM_STORAGE_STATE, count));
}

alm_value alm_graph_weight(alm_graph *g, const char *name, int rank, const int64_t *dim)
{
    if (failed(g)) {
        return ALM_NONE;
    }
    alm_desc want = {.dtype = ALM_DTYPE_BF16, .rank = rank};
    memcpy(want.dim, dim, (size_t)rank * sizeof *dim);
    if (g->storage->lookup) {
        alm_desc have;
        if (!g->storage->lookup(g->storage->context, name, &have)) {
            alm_graph_fail(g, alm_fail(ALM_STATUS_MODEL, "%s: missing from the state file", name));
            return ALM_NONE;
        }
        want.dtype = have.dtype;
        if (!alm_desc_equal(&want, &have)) {
            char a[ALM_DESC_TEXT], b[ALM_DESC_TEXT];
            alm_graph_fail(g, alm_fail(ALM_STATUS_MODEL, "%s: %s, expected %s", name,
                                       alm_desc_text(&have, a), alm_desc_text(&want, b)));
            return ALM_NONE;
        }
    }
    return append_value(g, name, packed(want, ALM_STORAGE_WEIGHT, ALM_NONE));
}

alm_value alm_graph_constant(alm_graph *g, const char *name, alm_desc desc, const void *data)
{
    alm_value_info info = packed(desc, ALM_STORAGE_CONSTANT, ALM_NONE);
    size_t bytes = 0;
    alm_graph_fail(g, alm_desc_bytes(&desc, name, &bytes));
    info.constant = keep(g, data, bytes);
    return append_value(g, name, info);
}

alm_value alm_graph_columns(alm_graph *g, const char *name, alm_value x, int64_t begin,
                            int64_t width)
{
    if (failed(g)) {
        return ALM_NONE;
    }
    alm_value_info info = g->values[x];
    if (info.desc.rank != 2 || begin < 0 || width < 0 || begin + width > info.desc.dim[1]) {
        alm_graph_fail(g, alm_fail(ALM_STATUS_INTERNAL, "%s: columns %lld to %lld of %s", name,
                                   (long long)begin, (long long)(begin + width), info.name));
        return ALM_NONE;
    }
    info.storage = ALM_STORAGE_VIEW;
    info.stage = NULL;
    info.desc.dim[1] = width;
    info.offset += begin;
    return append_value(g, name, info);
}

alm_value alm_graph_rows(alm_graph *g, const char *name, alm_value x, int64_t begin, int64_t count)
{
    if (failed(g)) {
        return ALM_NONE;
    }
    alm_value_info info = g->values[x];
    const int64_t row = alm_desc_row(&info.desc);
    if (info.desc.rank < 1 || info.stride != row || info.count != ALM_NONE || begin < 0 ||
        count < 0 || begin + count > info.desc.dim[0]) {
        alm_graph_fail(g, alm_fail(ALM_STATUS_INTERNAL, "%s: rows %lld to %lld of %s", name,
                                   (long long)begin, (long long)(begin + count), info.name));
        return ALM_NONE;
    }
    info.storage = ALM_STORAGE_VIEW;
    info.stage = NULL;
    info.desc.dim[0] = count;
    info.offset += begin * row;
    return append_value(g, name, info);
}

alm_value alm_graph_reshape(alm_graph *g, const char *name, alm_value x, alm_desc desc,
                            alm_value count)
{
    if (failed(g)) {
        return ALM_NONE;
    }
    alm_value_info info = g->values[x];
    if (info.stride != alm_desc_row(&info.desc) || desc.dtype != info.desc.dtype ||
        alm_desc_count(&desc) != alm_desc_count(&info.desc)) {
        char a[ALM_DESC_TEXT], b[ALM_DESC_TEXT];
        alm_graph_fail(g, alm_fail(ALM_STATUS_INTERNAL, "%s: %s as %s", name,
                                   alm_desc_text(&info.desc, a), alm_desc_text(&desc, b)));
        return ALM_NONE;
    }
    info.storage = ALM_STORAGE_VIEW;
    info.stage = NULL;
    info.desc = desc;
    info.stride = alm_desc_row(&desc);
    info.count = count;
    return append_value(g, name, info);
}

alm_tensor alm_graph_tensor(const alm_graph *g, alm_value x)
{
    if (x == ALM_NONE) {
        return (alm_tensor){.desc = {.dtype = ALM_DTYPE_NONE}};
    }
    return (alm_tensor){.stride = g->values[x].stride, .desc = g->values[x].desc};
}

/* Checks the inputs and asks for the shapes of the outputs. */
static alm_status infer(const alm_graph *g, const char *name, const alm_op_def *op,
                        const alm_value *in, int n_in, alm_tensor *tensors, const void *attr,
                        alm_desc *out)
{
    if (n_in < op->in_min || n_in > op->in_max) {
        return alm_fail(ALM_STATUS_INTERNAL, "%s: %s takes %d to %d inputs, not %d", name, op->name,
                        op->in_min, op->in_max, n_in);
    }
    for (int i = 0; i < n_in; i++) {
        tensors[i] = alm_graph_tensor(g, in[i]);
    }
    const alm_op_args args = {.in = tensors, .n_in = n_in, .attr = attr};
    const alm_status status = op->check(&args);
    if (status != ALM_OK) {
        return alm_fail_context(status, "%s", name);
    }
    return op->infer(&args, out);
}

enum { MAX_OUTPUTS = 8 };

/* The state that the node changes, or ALM_NONE. */
static alm_value changed_state(const alm_graph *g, const alm_op_def *op, const alm_value *in,
                               int n_in)
{
    const int which = op->in_place;
    const alm_value x = which == ALM_NO_INPUT || which >= n_in ? ALM_NONE : in[which];
    return x != ALM_NONE && g->values[g->values[x].root].storage == ALM_STORAGE_STATE ? x
                                                                                      : ALM_NONE;
}

void alm_graph_apply(alm_graph *g, const char *name, const alm_op_def *op, const alm_value *in,
                     int n_in, const void *attr, size_t attr_bytes, alm_value *out)
{
    alm_desc descs[MAX_OUTPUTS];
    alm_node node = {
        .op = op, .attr_bytes = attr_bytes, .lane = g->lane, .n_in = n_in, .n_out = op->out_count};
    for (int i = 0; i < op->out_count; i++) {
        out[i] = ALM_NONE;
    }
    alm_tensor *tensors = take(g, (size_t)n_in * sizeof *tensors);
    node.in = keep(g, in, (size_t)n_in * sizeof *in);
    node.attr = attr_bytes ? keep(g, attr, attr_bytes) : NULL;
    node.name = alm_graph_text(g, "%s", name);
    if (failed(g)) {
        return;
    }
    alm_graph_fail(g, infer(g, name, op, in, n_in, tensors, node.attr, descs));
    const alm_value from = op->count_from == ALM_NO_INPUT ? ALM_NONE : in[op->count_from];
    for (int i = 0; i < op->out_count && !failed(g); i++) {
        alm_value_info info = packed(descs[i], ALM_STORAGE_TEMPORARY,
                                     from == ALM_NONE ? ALM_NONE : g->values[from].count);
        info.producer = g->n_nodes;
        const alm_value state = i == 0 ? changed_state(g, op, in, n_in) : ALM_NONE;
        if (state != ALM_NONE) {
            info.storage = ALM_STORAGE_VIEW;
            info.root = g->values[state].root;
        }
        out[i] = append_value(g, i == 0 ? name : alm_graph_text(g, "%s.%d", name, i), info);
    }
    node.out = keep(g, out, (size_t)op->out_count * sizeof *out);
    if (!failed(g)) {
        alm_graph_fail(g, alm_reserve((size_t)g->n_nodes + 1, sizeof *g->nodes, "graph", &g->nodes,
                                      &g->storage->node_capacity));
    }
    if (!failed(g)) {
        g->nodes[g->n_nodes++] = node;
    }
}

void alm_graph_set_node(alm_graph *g, int n, const alm_node *node)
{
    alm_node fresh = *node;
    fresh.name = alm_graph_text(g, "%s", node->name);
    fresh.in = keep(g, node->in, (size_t)node->n_in * sizeof *node->in);
    fresh.out = keep(g, node->out, (size_t)node->n_out * sizeof *node->out);
    fresh.attr = node->attr_bytes ? keep(g, node->attr, node->attr_bytes) : NULL;
    if (failed(g)) {
        return;
    }
    g->nodes[n] = fresh;
    for (int i = 0; i < fresh.n_out; i++) {
        g->values[fresh.out[i]].producer = n;
    }
}

void alm_graph_drop_nodes(alm_graph *g, const bool *drop)
{
    int kept = 0;
    for (int n = 0; n < g->n_nodes; n++) {
        if (drop[n]) {
            continue;
        }
        g->nodes[kept] = g->nodes[n];
        for (int i = 0; i < g->nodes[kept].n_out; i++) {
            g->values[g->nodes[kept].out[i]].producer = kept;
        }
        kept++;
    }
    g->n_nodes = kept;
}

/* It stays in the list, as an empty view of another value: ids do not change. */
void alm_graph_orphan(alm_graph *g, alm_value x)
{
    alm_value_info *info = &g->values[x];
    const alm_value root = x == 0 ? 0 : g->values[0].root;
    info->storage = ALM_STORAGE_VIEW;
    info->root = root;
    info->offset = 0;
    info->desc.dim[0] = 0;
    info->producer = -1;
    info->stage = NULL;
}

void alm_graph_lane(alm_graph *g, int lane)
{
    g->lane = lane;
}

alm_value alm_graph_stage(alm_graph *g, alm_value x, const char *stage)
{
    const char *kept = alm_graph_text(g, "%s", stage);
    if (!failed(g)) {
        g->values[x].stage = kept;
    }
    return x;
}

void alm_graph_output(alm_graph *g, alm_value x)
{
    if (!failed(g)) {
        g->values[g->values[x].root].is_output = true;
    }
}

size_t alm_value_bytes(const alm_value_info *info)
{
    return (size_t)alm_desc_count(&info->desc) * alm_dtype_size(info->desc.dtype);
}

bool alm_graph_is_temporary(const alm_graph *g, alm_value x)
{
    return g->values[g->values[x].root].storage == ALM_STORAGE_TEMPORARY;
}
