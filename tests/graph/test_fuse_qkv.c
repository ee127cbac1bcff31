/* The fusion of what comes before an attention: which nodes of the model become one, and what
 * keeps them apart. */
#include "graph/build.h"
#include "graph/fuse_qkv.h"
#include "graph/narrow.h"
#include "graph/plan.h"
#include "kernels/attention/attention.h"
#include "kernels/place_rows/place_rows.h"
#include "kernels/qkv/qkv.h"
#include "kernels/rotary/rotary.h"
#include "tests/graph/configs.h"
#include "tests/shim/alm_test.h"

static const alm_device cpu = {.backend = ALM_BACKEND_CPU, .arch = ALM_CPU_GENERIC, .threads = 2};

/* Never called: plans choose kernels, they do not run. */
static alm_status run(const alm_exec *x, const alm_op_args *a)
{
    (void)x;
    (void)a;
    return ALM_STATUS_INTERNAL;
}

static alm_status run_pair(const alm_exec *x, const alm_op_args *a, const alm_op_args *b)
{
    (void)b;
    return run(x, a);
}

static const alm_kernel *takes_everything(const alm_op_def *op)
{
    static const alm_kernel kernels[] = {
        {.name = "any",
         .backend = ALM_BACKEND_CUDA,
         .min_arch = 80,
         .run = run,
         .run_pair = run_pair},
        {.name = NULL},
    };
    (void)op;
    return kernels;
}

static const alm_device cuda = {.backend = ALM_BACKEND_CUDA,
                                .arch = 80,
                                .threads = 1,
                                .kernels = takes_everything,
                                .multiprocessors = 108,
                                .shared_bytes = 163 * 1024};

static int count(const alm_graph *g, const alm_op_def *op)
{
    int n = 0;
    for (int i = 0; i < g->n_nodes; i++) {
        n += g->nodes[i].op == op;
    }
    return n;
}

static const alm_node *find(const alm_graph *g, const char *name)
{
    for (int i = 0; i < g->n_nodes; i++) {
        if (strcmp(g->nodes[i].name, name) == 0) {
            return &g->nodes[i];
        }
    }
    return NULL;
}

static bool is(const alm_graph *g, const char *name, const alm_op_def *op)
{
    const alm_node *node = find(g, name);
    return node && node->op == op;
}

/* ---- The model ---- */

enum { BLOCKS = 2, LAYERS = 3, WIDTH = 32 };

/* Two vision blocks, three layers of the language model. */
static alm_graph *model(bool warm, bool narrow)
{
    alm_assemlm2_config config = alm_test_small_config();
    config.vision.depth = BLOCKS;
    config.text.layers = LAYERS;
    const alm_shape_class shape = {
        .patches = warm ? 0 : 64, .tokens = 80, .rows = warm ? 40 : 80, .warm = warm};
    alm_assemlm2 made;
    if (alm_assemlm2_build(&config, shape, NULL, NULL, &made) != ALM_OK ||
        (narrow && alm_graph_narrow(made.graph) != ALM_OK) ||
        alm_graph_fuse_qkv(made.graph) != ALM_OK) {
        return NULL;
    }
    return made.graph;
}

/* The queries of the last layer are those of one row. */
static void check_last_layer(const alm_graph *g)
{
    const alm_node *node = find(g, "text.2.qkv");
    ALM_REQUIRE(node != NULL);
    ALM_CHECK(node->in[ALM_QKV_ROW] != ALM_NONE);
    ALM_CHECK_INT(g->values[node->out[0]].desc.dim[0], 1);
    ALM_CHECK(find(g, "text.1.qkv")->in[ALM_QKV_ROW] == ALM_NONE);
    ALM_CHECK(is(g, "text.2.last_h", &alm_op_gather_rows));
    ALM_CHECK(!find(g, "text.2.last_n") && !find(g, "text.last_cos"));
}

/* The parts of the layer for all three are rows of its weight and of its bias. */
static void check_vision_weights(const alm_graph *g, const alm_node *node)
{
    for (int i = 0; i < 3; i++) {
        const alm_value_info *w = &g->values[node->in[ALM_QKV_WEIGHT + i]];
        const alm_value_info *b = &g->values[node->in[ALM_QKV_BIAS + i]];
        ALM_CHECK(w->storage == ALM_STORAGE_VIEW && b->storage == ALM_STORAGE_VIEW);
        ALM_CHECK(strstr(g->values[w->root].name, "blocks.1.attn.qkv.weight"));
        ALM_CHECK_INT(w->offset, i * WIDTH * WIDTH);
        ALM_CHECK_INT(b->offset, i * WIDTH);
        ALM_CHECK_INT(w->desc.dim[0], WIDTH);
    }
}

static void check_plans(const alm_graph *g)
{
    const alm_device *const device[] = {&cpu, &cuda};
    for (int i = 0; i < 2; i++) {
        alm_plan *plan;
        ALM_REQUIRE_OK(alm_plan_create(g, device[i], NULL, &plan));
        ALM_REQUIRE_OK(alm_plan_verify(plan));
        alm_plan_destroy(plan);
    }
}

ALM_TEST(fuse_qkv, every_layer_has_one_node)
{
    for (int narrow = 0; narrow < 2; narrow++) {
        alm_graph *g = model(false, narrow);
        ALM_REQUIRE(g != NULL);
        ALM_CHECK(is(g, "vision.0.qkv", &alm_op_qkv) && is(g, "vision.1.qkv", &alm_op_qkv));
        ALM_CHECK(is(g, "text.0.qkv", &alm_op_qkv) && is(g, "text.1.qkv", &alm_op_qkv));
        ALM_CHECK_INT(count(g, &alm_op_qkv), BLOCKS + LAYERS);
        ALM_CHECK_INT(count(g, &alm_op_rotary), 0);
        ALM_CHECK_INT(count(g, &alm_op_place_rows), 0);
        ALM_CHECK(is(g, "bridge.0.qkv", &alm_op_linear)); /* nothing is turned there */
        check_last_layer(g);
        check_vision_weights(g, find(g, "vision.1.qkv"));
        check_plans(g);
        alm_graph_destroy(g);
    }
}

ALM_TEST(fuse_qkv, warm_layers_too)
{
    alm_graph *g = model(true, true);
    ALM_REQUIRE(g != NULL);
    ALM_CHECK_INT(count(g, &alm_op_qkv), LAYERS);
    check_last_layer(g);
    check_plans(g);
    alm_graph_destroy(g);
}

/* What was narrow stays so, and nothing else becomes it. */
ALM_TEST(fuse_qkv, results_keep_their_types)
{
    alm_graph *g = model(false, true);
    ALM_REQUIRE(g != NULL);
    for (int n = 0; n < g->n_nodes; n++) {
        for (int i = 0; i < 3 && g->nodes[n].op == &alm_op_qkv; i++) {
            const alm_value_info *out = &g->values[g->nodes[n].out[i]];
            ALM_CHECK_INT(out->desc.dtype, ALM_DTYPE_BF16);
            ALM_CHECK_INT(out->producer, n);
        }
    }
    alm_graph_destroy(g);
}

/* A graph that is done stays as it is. */
ALM_TEST(fuse_qkv, once_is_enough)
{
    alm_graph *g = model(false, true);
    ALM_REQUIRE(g != NULL);
    const int nodes = g->n_nodes;
    ALM_REQUIRE_OK(alm_graph_fuse_qkv(g));
    ALM_CHECK_INT(g->n_nodes, nodes);
    alm_graph_destroy(g);
}

/* ---- One layer, changed in one thing ---- */

enum { ROWS = 6, ROOM = 10, HEADS = 4, KV_HEADS = 2, HEAD = 8, Q = 32, KV = 16, K = 24 };

typedef enum change {
    UNCHANGED,
    READ_PROJECTION, /* somebody else reads it */
    READ_TURNED_KEYS,
    READ_PLACED_VALUES,
    READ_QUERIES,
    KEEP_QUERIES, /* an output of the graph */
    OTHER_ROWS,   /* values of another x */
    OTHER_ANGLES,
    OTHER_OFFSET,
    ONE_BIAS,
    ONE_NORM,
    ACTIVATION,
    RESIDUAL,
    QUERIES_OF_A_ROW,
    QUERIES_OF_TWO_ROWS,
    ANGLES_OF_ANOTHER_ROW,
    READ_ROW, /* somebody else reads the row of x */
    CHANGES
} change;

/* For everything that a change needs. */
typedef struct parts {
    alm_graph *g;
    alm_value x, other, first, second, queries, keys;
    alm_rotary_angles turn, other_turn;
} parts;

static bool begin(parts *p)
{
    *p = (parts){.g = NULL};
    if (alm_graph_create(NULL, NULL, &p->g) != ALM_OK) {
        return false;
    }
    const alm_dtype f32 = ALM_DTYPE_F32, i32 = ALM_DTYPE_I32;
    const alm_desc rows = alm_desc_2(f32, ROWS, K), angles = alm_desc_2(f32, ROWS, HEAD / 2);
    p->x = alm_graph_input(p->g, "x", rows, ALM_NONE);
    p->other = alm_graph_input(p->g, "other", rows, ALM_NONE);
    p->first = alm_graph_input(p->g, "first", alm_desc_1(i32, 1), ALM_NONE);
    p->second = alm_graph_input(p->g, "second", alm_desc_1(i32, 1), ALM_NONE);
    p->queries = alm_graph_input(p->g, "queries", alm_desc_2(i32, ROWS, 3), ALM_NONE);
    p->keys = alm_graph_input(p->g, "keys", alm_desc_2(i32, ROOM, 3), ALM_NONE);
    p->turn.cos = alm_graph_input(p->g, "cos", angles, ALM_NONE);
    p->turn.sin = alm_graph_input(p->g, "sin", angles, ALM_NONE);
    p->other_turn = p->turn;
    p->other_turn.sin = alm_graph_input(p->g, "other_sin", angles, ALM_NONE);
    return true;
}

static alm_value cached(const parts *p, const char *name, alm_value rows, alm_value offset)
{
    const alm_value state =
        alm_graph_state(p->g, name, alm_desc_2(ALM_DTYPE_F32, ROOM, KV), ALM_NONE);
    return alm_build_place_rows(p->g, name, state, rows, offset);
}

/* Somebody else who reads v. */
static void read(const parts *p, alm_value v)
{
    alm_graph_output(p->g, alm_build_add(p->g, "reader", v, v));
}

static void decoder_layer(const parts *p, change c)
{
    alm_graph *g = p->g;
    const alm_value bias = c == ONE_BIAS ? alm_weights_vector(g, "b", Q) : ALM_NONE;
    const bool rows = c >= QUERIES_OF_A_ROW;
    const alm_value index = c == QUERIES_OF_TWO_ROWS
                                ? alm_graph_input(g, "two", alm_desc_1(ALM_DTYPE_I32, 2), ALM_NONE)
                                : p->first;
    const alm_value other = c == ANGLES_OF_ANOTHER_ROW ? p->second : index;
    const alm_value x = rows ? alm_build_gather_rows(g, "x_row", p->x, index) : p->x;
    const alm_rotary_angles turn =
        rows ? (alm_rotary_angles){alm_build_gather_rows(g, "cos_row", p->turn.cos, other),
                                   alm_build_gather_rows(g, "sin_row", p->turn.sin, other)}
             : p->turn;
    const alm_value rule =
        rows ? alm_graph_input(g, "rule",
                               alm_desc_2(ALM_DTYPE_I32, c == QUERIES_OF_TWO_ROWS ? 2 : 1, 3),
                               ALM_NONE)
             : p->queries;
    const alm_affine wq = {alm_weights_matrix(g, "wq", Q, K), bias},
                     wk = {alm_weights_matrix(g, "wk", KV, K), ALM_NONE},
                     wv = {alm_weights_matrix(g, "wv", KV, K), ALM_NONE};
    const alm_value norm = alm_weights_vector(g, "norm", HEAD);
    const alm_value wide = alm_graph_input(g, "wide", alm_desc_2(ALM_DTYPE_F32, ROWS, Q), ALM_NONE);
    alm_value q =
        alm_build_linear(g, "q", x, wq, c == ACTIVATION ? ALM_EPILOGUE_RELU : ALM_EPILOGUE_NONE,
                         c == RESIDUAL ? wide : ALM_NONE);
    const alm_value k = alm_build_linear(g, "k", p->x, wk, ALM_EPILOGUE_NONE, ALM_NONE);
    const alm_value v = alm_build_linear(g, "v", c == OTHER_ROWS ? p->other : p->x, wv,
                                         ALM_EPILOGUE_NONE, ALM_NONE);
    if (c == READ_PROJECTION || c == READ_ROW) {
        read(p, c == READ_ROW ? x : v);
    }
    q = alm_build_rotary(g, "q_rotary", q, turn, norm, HEADS, HEAD, 1e-6);
    const alm_value turned =
        alm_build_rotary(g, "k_rotary", k, c == OTHER_ANGLES ? p->other_turn : p->turn,
                         c == ONE_NORM ? ALM_NONE : norm, KV_HEADS, HEAD, 1e-6);
    if (c == READ_TURNED_KEYS) {
        read(p, turned);
    }
    const alm_attention_in in = {
        .q = q,
        .k = cached(p, "k_cache", turned, p->first),
        .v = cached(p, "v_cache", v, c == OTHER_OFFSET ? p->second : p->first),
        .query_rule = rule,
        .key_rule = p->keys};
    alm_graph_output(g, alm_build_attention(g, "attn", in, HEADS, KV_HEADS, HEAD));
    if (c == READ_PLACED_VALUES || c == READ_QUERIES) {
        read(p, c == READ_QUERIES ? q : in.v);
    }
    if (c == KEEP_QUERIES) {
        alm_graph_output(g, q);
    }
}

ALM_TEST(fuse_qkv, three_layers_only_when_nothing_else_hangs_on_them)
{
    for (change c = UNCHANGED; c < CHANGES; c++) {
        parts p;
        ALM_REQUIRE(begin(&p));
        decoder_layer(&p, c);
        ALM_REQUIRE_OK(alm_graph_status(p.g));
        const int nodes = p.g->n_nodes;
        ALM_REQUIRE_OK(alm_graph_fuse_qkv(p.g));
        const bool fused = p.g->n_nodes != nodes;
        const bool expected = c == UNCHANGED || c == QUERIES_OF_A_ROW;
        if (fused != expected || count(p.g, &alm_op_qkv) != fused) {
            ALM_FAIL("change %d: %d nodes of %d, %d are qkv", c, p.g->n_nodes, nodes,
                     count(p.g, &alm_op_qkv));
        }
        ALM_CHECK(!fused || p.g->n_nodes == 2);
        check_plans(p.g);
        alm_graph_destroy(p.g);
    }
}

/* One layer for all three: what is turned, and who reads. */
typedef enum column_change {
    COLUMNS_UNCHANGED,
    TURN_QUERIES_ONLY,
    TURN_VALUES_TOO,
    READ_ALL_COLUMNS,
    READ_KEY_COLUMNS,
    READ_OTHER_COLUMNS,
    KEYS_BEFORE_QUERIES,
    COLUMN_CHANGES
} column_change;

static void encoder_layer(const parts *p, column_change c)
{
    alm_graph *g = p->g;
    const alm_affine layer = alm_weights_linear(g, "all", 3 * Q, K);
    const alm_value projected =
        alm_build_linear(g, "qkv", p->x, layer, ALM_EPILOGUE_NONE, ALM_NONE);
    const int turned = c == TURN_QUERIES_ONLY ? 1 : c == TURN_VALUES_TOO ? 3 : 2;
    const alm_value all =
        alm_build_rotary(g, "rotary", projected, p->turn, ALM_NONE, turned * HEADS, HEAD, 0);
    const bool swapped = c == KEYS_BEFORE_QUERIES;
    const alm_attention_in in = {.q = alm_graph_columns(g, "q", all, swapped ? Q : 0, Q),
                                 .k = alm_graph_columns(g, "k", all, swapped ? 0 : Q, Q),
                                 .v = alm_graph_columns(g, "v", all, 2 * Q, Q),
                                 .query_rule = p->queries,
                                 .key_rule = p->queries};
    alm_graph_output(g, alm_build_attention(g, "attn", in, HEADS, HEADS, HEAD));
    if (c == READ_ALL_COLUMNS || c == READ_KEY_COLUMNS) {
        read(p, c == READ_ALL_COLUMNS ? all : in.k);
    }
    if (c == READ_OTHER_COLUMNS) {
        read(p, alm_graph_columns(g, "half", all, 0, Q / 2));
    }
}

ALM_TEST(fuse_qkv, one_layer_only_when_queries_and_keys_alone_are_turned)
{
    for (column_change c = COLUMNS_UNCHANGED; c < COLUMN_CHANGES; c++) {
        parts p;
        ALM_REQUIRE(begin(&p));
        encoder_layer(&p, c);
        ALM_REQUIRE_OK(alm_graph_status(p.g));
        const int nodes = p.g->n_nodes;
        ALM_REQUIRE_OK(alm_graph_fuse_qkv(p.g));
        const bool fused = p.g->n_nodes != nodes;
        if (fused != (c == COLUMNS_UNCHANGED) || count(p.g, &alm_op_qkv) != fused) {
            ALM_FAIL("change %d: %d nodes of %d, %d are qkv", c, p.g->n_nodes, nodes,
                     count(p.g, &alm_op_qkv));
        }
        check_plans(p.g);
        alm_graph_destroy(p.g);
    }
}
