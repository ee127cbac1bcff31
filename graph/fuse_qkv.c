#include "graph/fuse_qkv.h"

#include <string.h>

#include "kernels/attention/attention.h"
#include "kernels/gather_rows/gather_rows.h"
#include "kernels/core/memory.h"
#include "kernels/linear/linear.h"
#include "kernels/qkv/qkv.h"
#include "kernels/rotary/rotary.h"

typedef struct pass {
    alm_graph *g;
    int n_values; /* of the start */
    int *readers; /* [n_values]: reading arguments of the value itself */
    bool *drop;   /* [n_nodes] */
} pass;

static const alm_value_info *info_of(const pass *p, alm_value v)
{
    return &p->g->values[v];
}

/* The node of this operation that makes v, when v is its whole result; NULL otherwise. */
static const alm_node *maker(const pass *p, alm_value v, const alm_op_def *op)
{
    if (v == ALM_NONE || info_of(p, v)->producer < 0) {
        return NULL;
    }
    const alm_node *node = &p->g->nodes[info_of(p, v)->producer];
    return node->op == op && node->out[0] == v ? node : NULL;
}

static int index_of(const pass *p, const alm_node *node)
{
    return (int)(node - p->g->nodes);
}

static alm_value input(const alm_node *node, int i)
{
    return i < node->n_in ? node->in[i] : ALM_NONE;
}

static bool read_once(const pass *p, alm_value v)
{
    return p->readers[v] == 1 && !info_of(p, v)->is_output;
}

/* A linear layer that does no more than x·Wᵀ + b. */
static const alm_node *plain_linear(const pass *p, alm_value v)
{
    const alm_node *node = maker(p, v, &alm_op_linear);
    const alm_linear_attr *attr = node ? node->attr : NULL;
    return attr && attr->epilogue == ALM_EPILOGUE_NONE && input(node, 3) == ALM_NONE ? node : NULL;
}

/* ---- q, k and v by layers of their own ---- */

typedef struct branch {
    const alm_node *linear, *rotary, *place; /* NULL where there is none */
} branch;

static bool find_branch(const pass *p, alm_value v, bool turned, bool placed, branch *out)
{
    *out = (branch){0};
    if (placed) {
        out->place = maker(p, v, &alm_op_place_rows);
        if (!out->place || !read_once(p, v)) {
            return false;
        }
        v = out->place->in[1];
    }
    if (turned) {
        out->rotary = maker(p, v, &alm_op_rotary);
        if (!out->rotary || !read_once(p, v)) {
            return false;
        }
        v = out->rotary->in[0];
    }
    out->linear = plain_linear(p, v);
    return out->linear && read_once(p, v) && info_of(p, out->linear->in[1])->desc.rank == 2;
}

/* Whether both turn heads of one size, and all of their rows. */
static bool turns_like(const pass *p, const alm_node *a, const alm_node *b)
{
    const alm_rotary_attr *x = a->attr, *y = b->attr;
    return x->head_dim == y->head_dim && x->eps == y->eps &&
           (input(a, 3) == ALM_NONE) == (input(b, 3) == ALM_NONE) &&
           (int64_t)x->heads * x->head_dim == info_of(p, a->out[0])->desc.dim[1] &&
           (int64_t)y->heads * y->head_dim == info_of(p, b->out[0])->desc.dim[1];
}

/* The queries' rows and angles: those of the keys, or one row of them, which `gather` makes then.
 */
typedef struct query_rows {
    const alm_node *gather[3]; /* NULL where there are none */
    alm_value row;             /* ALM_NONE: all */
} query_rows;

static bool find_rows(const pass *p, const branch *q, const branch *k, query_rows *out)
{
    const alm_value of_q[3] = {q->linear->in[0], q->rotary->in[1], q->rotary->in[2]};
    const alm_value of_k[3] = {k->linear->in[0], k->rotary->in[1], k->rotary->in[2]};
    *out = (query_rows){.row = ALM_NONE};
    if (memcmp(of_q, of_k, sizeof of_q) == 0) {
        return true;
    }
    for (int i = 0; i < 3; i++) {
        const alm_node *gather = maker(p, of_q[i], &alm_op_gather_rows);
        if (!gather || gather->in[0] != of_k[i] || (i > 0 && gather->in[1] != out->row) ||
            !read_once(p, of_q[i])) {
            return false;
        }
        out->gather[i] = gather;
        out->row = gather->in[1];
    }
    /* An input of the graph is there before every node. */
    return info_of(p, out->row)->producer < 0 && info_of(p, out->row)->desc.dim[0] == 1;
}

static void set_qkv(pass *p, int at, const char *name, const alm_rotary_attr *rotary,
                    const alm_value *in, const alm_value out[3])
{
    const alm_qkv_attr attr = {.head_dim = rotary->head_dim, .eps = rotary->eps};
    const alm_node node = {.name = name,
                           .op = &alm_op_qkv,
                           .attr = &attr,
                           .attr_bytes = sizeof attr,
                           .lane = p->g->nodes[at].lane,
                           .n_in = ALM_QKV_INPUTS,
                           .n_out = 3,
                           .in = in,
                           .out = out};
    p->drop[at] = false;
    alm_graph_set_node(p->g, at, &node);
}

static void drop_node(pass *p, const alm_node *node, bool orphan)
{
    if (node) {
        p->drop[index_of(p, node)] = true;
        if (orphan) {
            alm_graph_orphan(p->g, node->out[0]);
        }
    }
}

static int earliest(const pass *p, const branch b[3])
{
    int at = index_of(p, b[0].linear);
    for (int i = 1; i < 3; i++) {
        at = index_of(p, b[i].linear) < at ? index_of(p, b[i].linear) : at;
    }
    return at;
}

static void fuse_branches(pass *p, const alm_node *attention)
{
    branch b[3];
    query_rows rows;
    const alm_value out[3] = {attention->in[0], attention->in[1], attention->in[2]};
    if (!read_once(p, out[0]) || !find_branch(p, out[0], true, false, &b[0]) ||
        !find_branch(p, out[1], true, true, &b[1]) || !find_branch(p, out[2], false, true, &b[2]) ||
        !turns_like(p, b[0].rotary, b[1].rotary) || b[1].place->in[2] != b[2].place->in[2] ||
        !find_rows(p, &b[0], &b[1], &rows) || b[2].linear->in[0] != b[1].linear->in[0]) {
        return;
    }
    alm_value in[ALM_QKV_INPUTS] = {[ALM_QKV_X] = b[1].linear->in[0], [ALM_QKV_ROW] = rows.row};
    int biases = 0;
    for (int i = 0; i < 3; i++) {
        in[ALM_QKV_WEIGHT + i] = b[i].linear->in[1];
        in[ALM_QKV_BIAS + i] = input(b[i].linear, 2);
        biases += in[ALM_QKV_BIAS + i] != ALM_NONE;
    }
    if (biases != 0 && biases != 3) {
        return;
    }
    for (int i = 0; i < 2; i++) {
        in[ALM_QKV_COS + i] = b[1].rotary->in[1 + i];
        in[ALM_QKV_NORM + i] = input(b[i].rotary, 3);
        in[ALM_QKV_STATE + i] = b[1 + i].place->in[0];
    }
    in[ALM_QKV_OFFSET] = b[1].place->in[2];
    const alm_rotary_attr rotary = *(const alm_rotary_attr *)b[0].rotary->attr;
    const int at = earliest(p, b);
    /* The first of its nodes: everything that it reads is there, since all layers read x. The
     * states change a little earlier than before, which nobody sees between. */
    const char *name = alm_graph_join(p->g, b[0].linear->name, "kv");
    for (int i = 0; i < 3; i++) {
        drop_node(p, b[i].linear, true);
        drop_node(p, b[i].rotary, i > 0);
        drop_node(p, b[i].place, false);
        drop_node(p, rows.gather[i], true);
    }
    set_qkv(p, at, name, &rotary, in, out);
}

/* ---- One layer for all three ---- */

/* Of the value and of all of its views. */
static int readers_of_all(const pass *p, alm_value root)
{
    int n = 0;
    for (int v = 0; v < p->n_values; v++) {
        n += info_of(p, v)->root == root ? p->readers[v] : 0;
    }
    return n;
}

/* Whether v is columns [begin, begin + width) of all rows of root. */
static bool is_columns(const pass *p, alm_value v, alm_value root, int64_t begin, int64_t width)
{
    const alm_value_info *x = info_of(p, v);
    return v != root && x->root == root && x->offset == begin && x->desc.rank == 2 &&
           x->desc.dim[1] == width && x->desc.dim[0] == info_of(p, root)->desc.dim[0] &&
           read_once(p, v);
}

/* Three parts of a weight, row by row. */
static void split(pass *p, alm_value weight, const int64_t width[3], alm_value *out)
{
    int64_t begin = 0;
    for (int i = 0; i < 3; i++) {
        out[i] = weight == ALM_NONE
                     ? ALM_NONE
                     : alm_graph_rows(p->g, info_of(p, weight)->name, weight, begin, width[i]);
        begin += width[i];
    }
}

/* A view becomes a value of its own, with packed rows. */
static void make_root(pass *p, alm_value v)
{
    alm_value_info *x = &p->g->values[v];
    x->storage = ALM_STORAGE_TEMPORARY;
    x->root = v;
    x->offset = 0;
    x->stride = alm_desc_row(&x->desc);
}

static void fuse_columns(pass *p, const alm_node *attention)
{
    const alm_value out[3] = {attention->in[0], attention->in[1], attention->in[2]};
    const alm_value root = info_of(p, out[0])->root;
    const alm_node *rotary = maker(p, root, &alm_op_rotary);
    const alm_node *linear =
        rotary && read_once(p, rotary->in[0]) ? plain_linear(p, rotary->in[0]) : NULL;
    if (!linear || readers_of_all(p, root) != 3 || input(rotary, 3) != ALM_NONE ||
        info_of(p, linear->in[1])->desc.rank != 2 ||
        info_of(p, linear->in[1])->storage != ALM_STORAGE_WEIGHT) {
        return;
    }
    const alm_rotary_attr turn = *(const alm_rotary_attr *)rotary->attr;
    int64_t width[3], begin = 0;
    for (int i = 0; i < 3; i++) {
        width[i] = info_of(p, out[i])->desc.dim[1];
        if (!is_columns(p, out[i], root, begin, width[i])) {
            return;
        }
        begin += width[i];
    }
    if (begin != info_of(p, root)->desc.dim[1] || width[1] != width[2] ||
        width[0] + width[1] != (int64_t)turn.heads * turn.head_dim) {
        return;
    }
    alm_value in[ALM_QKV_INPUTS];
    for (int i = 0; i < ALM_QKV_INPUTS; i++) {
        in[i] = ALM_NONE;
    }
    in[ALM_QKV_X] = linear->in[0];
    in[ALM_QKV_COS] = rotary->in[1];
    in[ALM_QKV_SIN] = rotary->in[2];
    split(p, linear->in[1], width, in + ALM_QKV_WEIGHT);
    split(p, input(linear, 2), width, in + ALM_QKV_BIAS);
    if (alm_graph_status(p->g) != ALM_OK) {
        return;
    }
    const int at = index_of(p, linear);
    const char *name = linear->name;
    for (int i = 0; i < 3; i++) {
        make_root(p, out[i]);
    }
    drop_node(p, linear, true);
    drop_node(p, rotary, true);
    set_qkv(p, at, name, &turn, in, out);
}

/* ---- The pass ---- */

static void count_readers(pass *p)
{
    for (int n = 0; n < p->g->n_nodes; n++) {
        for (int i = 0; i < p->g->nodes[n].n_in; i++) {
            const alm_value v = p->g->nodes[n].in[i];
            if (v != ALM_NONE) {
                p->readers[v]++;
            }
        }
    }
}

alm_status alm_graph_fuse_qkv(alm_graph *g)
{
    pass p = {.g = g, .n_values = g->n_values};
    ALM_TRY(alm_graph_status(g));
    ALM_TRY(alm_calloc((size_t)g->n_values, sizeof *p.readers, "fused nodes", &p.readers));
    alm_status status = alm_calloc((size_t)g->n_nodes, sizeof *p.drop, "fused nodes", &p.drop);
    if (status == ALM_OK) {
        count_readers(&p);
        for (int n = 0; n < g->n_nodes; n++) {
            if (g->nodes[n].op == &alm_op_attention && !p.drop[n]) {
                const alm_node attention = g->nodes[n];
                fuse_branches(&p, &attention);
                fuse_columns(&p, &attention);
            }
        }
        alm_graph_drop_nodes(g, p.drop);
        status = alm_graph_status(g);
    }
    alm_free(p.readers);
    alm_free(p.drop);
    return status;
}
