#include "runtime/cost.h"

#include "kernels/attention/attention.h"
#include "kernels/knn/knn.h"
#include "kernels/linear/linear.h"
#include "kernels/qkv/qkv.h"

/* A node with what is in use of its values. */
typedef struct view {
    const alm_graph *g;
    const alm_node *node;
    const alm_cost_source *source;
} view;

static double rows(const view *v, alm_value x)
{
    return (double)v->source->rows(v->source->context, x);
}

static const alm_desc *desc(const view *v, int input)
{
    return &v->g->values[v->node->in[input]].desc;
}

static bool present(const view *v, int input)
{
    return input < v->node->n_in && v->node->in[input] != ALM_NONE;
}

/* Pairs of a query and a key that it sees (attention.h). Rows are few enough to count them one by
 * one. */
static double visible_pairs(const alm_tensor *query_rule, const alm_tensor *key_rule,
                            int64_t queries, int64_t keys)
{
    double pairs = 0;
    for (int64_t i = 0; i < queries; i++) {
        const int32_t *q = alm_row(const int32_t, query_rule, i);
        if (q[2] == ALM_ROW_PLAIN) {
            const int64_t end = q[1] < keys ? q[1] : keys;
            pairs += end > q[0] ? (double)(end - q[0]) : 0;
            continue;
        }
        for (int64_t j = 0; j < keys; j++) {
            const int32_t kind = alm_row(const int32_t, key_rule, j)[2];
            const bool in_range = q[0] <= j && j < q[1];
            const bool hidden = q[2] == ALM_ROW_INVARIANT && kind == ALM_ROW_EQUIVARIANT;
            pairs += (in_range || kind != ALM_ROW_PLAIN) && !hidden;
        }
    }
    return pairs;
}

static double attention_flop(const view *v)
{
    const alm_attention_attr *attr = v->node->attr;
    const double queries = rows(v, v->node->in[0]), keys = rows(v, v->node->in[1]);
    alm_tensor query_rule, key_rule;
    const bool known = v->source->rules(v->source->context, v->node->in[3], &query_rule) &&
                       v->source->rules(v->source->context, v->node->in[4], &key_rule);
    const double pairs =
        known ? visible_pairs(&query_rule, &key_rule, (int64_t)queries, (int64_t)keys)
              : queries * keys;
    return 4.0 * attr->heads * attr->head_dim * pairs;
}

static double linear_flop(const view *v)
{
    const alm_linear_attr *attr = v->node->attr;
    const int weights = attr->epilogue == ALM_EPILOGUE_SWIGLU ? 2 : 1;
    return 2.0 * weights * rows(v, v->node->in[0]) * (double)alm_desc_count(desc(v, 1));
}

static double qkv_flop(const view *v)
{
    double flop = 0;
    for (int i = 0; i < 3; i++) {
        flop += 2 * rows(v, i == 0 ? v->node->out[0] : v->node->in[ALM_QKV_X]) *
                (double)alm_desc_count(desc(v, ALM_QKV_WEIGHT + i));
    }
    return flop;
}

/* Difference, product and sum for each coordinate of each pair. */
static double knn_flop(const view *v)
{
    return 3 * rows(v, v->node->in[0]) * rows(v, v->node->in[1]) * (double)alm_desc_row(desc(v, 0));
}

/* feat and dir of one vector layer on one field of three coordinates. */
static double layer_flop(const view *v, int feat, int dir)
{
    return 6.0 * (double)(alm_desc_count(desc(v, feat)) + alm_desc_count(desc(v, dir)));
}

static double edge_conv_flop(const view *v)
{
    const double edges = rows(v, v->node->in[1]) * (double)desc(v, 1)->dim[1];
    return edges * (layer_flop(v, 2, 4) + (present(v, 5) ? layer_flop(v, 5, 7) : 0));
}

static double pose_head_flop(const view *v)
{
    double flop = 0;
    for (int i = 3; i < v->node->n_in; i += 4) {
        flop += 2 * (double)alm_desc_count(desc(v, i));
    }
    return flop;
}

static double flop_of(const view *v)
{
    static const struct {
        const alm_op_def *op;
        double (*flop)(const view *v);
    } table[] = {
        {&alm_op_linear, linear_flop},       {&alm_op_qkv, qkv_flop},
        {&alm_op_attention, attention_flop}, {&alm_op_knn, knn_flop},
        {&alm_op_edge_conv, edge_conv_flop}, {&alm_op_pose_head, pose_head_flop},
    };
    if (v->node->op == &alm_op_vn_linear) {
        return rows(v, v->node->in[3]) * layer_flop(v, 0, 2);
    }
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].op == v->node->op) {
            return table[i].flop(v);
        }
    }
    return 0;
}

/* Whether the operation reads only the rows of this input that others name: then those of the
 * output. */
static bool is_table(const view *v, int input)
{
    return (v->node->op == &alm_op_token_embed && input == 1) ||
           (v->node->op == &alm_op_weighted_gather && input == 2) ||
           (v->node->op == &alm_op_gather_rows && input == 0);
}

alm_cost alm_node_cost(const alm_graph *g, int n, const alm_cost_source *source)
{
    const view v = {.g = g, .node = &g->nodes[n], .source = source};
    const alm_node *node = v.node;
    alm_cost cost = {.flop = flop_of(&v)};
    for (int i = 0; i < node->n_in + node->n_out; i++) {
        const alm_value x = i < node->n_in ? node->in[i] : node->out[i - node->n_in];
        if (x == ALM_NONE) {
            continue;
        }
        const bool is_input = i < node->n_in;
        /* States are changed in place: what is new in them are the rows that are computed. */
        const bool is_state = g->values[g->values[x].root].storage == ALM_STORAGE_STATE;
        const bool placed = is_state && node->op != &alm_op_attention;
        const alm_value counted = is_input && is_table(&v, i)
                                      ? node->out[0]
                                      : (placed ? node->in[node->op == &alm_op_qkv ? 0 : 1] : x);
        const double row_bytes = (double)alm_desc_row(&g->values[x].desc) *
                                 (double)alm_dtype_size(g->values[x].desc.dtype);
        cost.bytes += placed && is_input ? 0 : rows(&v, counted) * row_bytes;
    }
    return cost;
}
