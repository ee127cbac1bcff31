#include "graph/models/language_model.h"

#include <math.h>

#define PREFIX "pvlm_interface.vlm.model.language_model."

/* Weights of one decoder layer. 3.4 */
typedef struct decoder_layer {
    alm_value input_norm, q, k, v, q_norm, k_norm, o, post_norm, gate, up, down;
} decoder_layer;

static decoder_layer weights(alm_graph *g, const alm_text_config *t, int i)
{
    const char *at = alm_graph_text(g, PREFIX "layers.%d.", i);
    const int64_t w = t->width, q = (int64_t)t->heads * t->head_dim,
                  kv = (int64_t)t->kv_heads * t->head_dim;
    return (decoder_layer){
        .input_norm = alm_weights_vector(g, alm_graph_join(g, at, "input_layernorm.weight"), w),
        .q = alm_weights_matrix(g, alm_graph_join(g, at, "self_attn.q_proj.weight"), q, w),
        .k = alm_weights_matrix(g, alm_graph_join(g, at, "self_attn.k_proj.weight"), kv, w),
        .v = alm_weights_matrix(g, alm_graph_join(g, at, "self_attn.v_proj.weight"), kv, w),
        .q_norm =
            alm_weights_vector(g, alm_graph_join(g, at, "self_attn.q_norm.weight"), t->head_dim),
        .k_norm =
            alm_weights_vector(g, alm_graph_join(g, at, "self_attn.k_norm.weight"), t->head_dim),
        .o = alm_weights_matrix(g, alm_graph_join(g, at, "self_attn.o_proj.weight"), w, q),
        .post_norm =
            alm_weights_vector(g, alm_graph_join(g, at, "post_attention_layernorm.weight"), w),
        .gate =
            alm_weights_matrix(g, alm_graph_join(g, at, "mlp.gate_proj.weight"), t->mlp_width, w),
        .up = alm_weights_matrix(g, alm_graph_join(g, at, "mlp.up_proj.weight"), t->mlp_width, w),
        .down =
            alm_weights_matrix(g, alm_graph_join(g, at, "mlp.down_proj.weight"), w, t->mlp_width),
    };
}

/* Interleaved M-RoPE: frequency i belongs to axis h or w for i mod 3 = 1 or 2 below three times the
 * section, else to t. The power and its reciprocal are rounded to float32, as PyTorch makes
 * them. 3.3 */
static alm_rotary_angles angles(alm_graph *g, const alm_text_config *t, alm_value position)
{
    enum { MAX_HALF = 4096 };
    double frequency[MAX_HALF];
    int32_t axis[MAX_HALF];
    const int half = t->head_dim / 2;
    if (half > MAX_HALF) {
        alm_graph_fail(g, alm_fail(ALM_STATUS_MODEL, "head_dim %d, at most %d is supported",
                                   t->head_dim, 2 * MAX_HALF));
        return (alm_rotary_angles){ALM_NONE, ALM_NONE};
    }
    for (int i = 0; i < half; i++) {
        const float exponent = (float)i * 2.0f / (float)t->head_dim;
        frequency[i] = 1.0f / (float)pow(t->rope_theta, (double)exponent);
        axis[i] = i % 3 && i < 3 * t->mrope_section[i % 3] ? i % 3 : 0;
    }
    return alm_build_rotary_table(
        g, "text.rotary", position,
        alm_graph_constant(g, "text.frequency", alm_desc_1(ALM_DTYPE_F64, half), frequency),
        alm_graph_constant(g, "text.axis", alm_desc_1(ALM_DTYPE_I32, half), axis));
}

static alm_value linear(alm_graph *g, const char *node, const char *name, alm_value x,
                        alm_value weight, alm_value residual)
{
    const alm_affine layer = {.weight = weight, .bias = ALM_NONE};
    return alm_build_linear(g, alm_graph_join(g, node, name), x, layer, ALM_EPILOGUE_NONE,
                            residual);
}

/* Keys and values of all tokens: those of the rows n [L, D], placed behind the cached ones. */
typedef struct key_rows {
    alm_value k, v; /* [tokens, kv_heads·head_dim] */
} key_rows;

static alm_value cached(alm_graph *g, const alm_text_config *t, const char *name, alm_value rows,
                        const alm_language_in *in)
{
    const alm_desc desc = alm_desc_2(ALM_DTYPE_F32, in->tokens, (int64_t)t->kv_heads * t->head_dim);
    alm_value all = alm_graph_state(g, alm_graph_join(g, name, "_cache"), desc, in->n_tokens);
    return alm_build_place_rows(g, name, all, rows, in->first);
}

static key_rows keys(alm_graph *g, const alm_text_config *t, const decoder_layer *l,
                     const char *node, alm_value n, alm_rotary_angles turn,
                     const alm_language_in *in)
{
    alm_value k = linear(g, node, "k", n, l->k, ALM_NONE);
    alm_value v = linear(g, node, "v", n, l->v, ALM_NONE);
    k = alm_build_rotary(g, alm_graph_join(g, node, "k_rotary"), k, turn, l->k_norm, t->kv_heads,
                         t->head_dim, t->norm_eps);
    return (key_rows){
        .k = cached(g, t, alm_graph_join(g, node, "keys"), k, in),
        .v = cached(g, t, alm_graph_join(g, node, "values"), v, in),
    };
}

/* Rows that ask. */
typedef struct query_rows {
    alm_value h, n; /* [R, D]: hidden state, and after the input norm */
    alm_rotary_angles turn;
    alm_value rule;
} query_rows;

/* The rest of a layer: the rows look at all keys and values; -> [R, D]. 3.4 */
static alm_value decode(alm_graph *g, const alm_text_config *t, const decoder_layer *l,
                        const char *node, query_rows rows, key_rows all, alm_value key_rule)
{
    alm_value q = linear(g, node, "q", rows.n, l->q, ALM_NONE);
    q = alm_build_rotary(g, alm_graph_join(g, node, "q_rotary"), q, rows.turn, l->q_norm, t->heads,
                         t->head_dim, t->norm_eps);
    const alm_attention_in in = {
        .q = q, .k = all.k, .v = all.v, .query_rule = rows.rule, .key_rule = key_rule};
    alm_value a = alm_build_attention(g, alm_graph_join(g, node, "attn"), in, t->heads, t->kv_heads,
                                      t->head_dim);
    alm_value h = linear(g, node, "o", a, l->o, rows.h);
    alm_value n =
        alm_build_rmsnorm(g, alm_graph_join(g, node, "post_norm"), h, l->post_norm, t->norm_eps);
    n = alm_build_swiglu(g, alm_graph_join(g, node, "gate_up"), n, l->gate, l->up);
    return linear(g, node, "down", n, l->down, h);
}

int alm_language_deepstack(const alm_text_config *t, int features)
{
    return features < t->layers ? features : t->layers - 1;
}

alm_value alm_language_model(alm_graph *g, const alm_text_config *t, alm_language_in in)
{
    const alm_rotary_angles turn = angles(g, t, in.position);
    const alm_rotary_angles last_turn = {
        .cos = alm_build_gather_rows(g, "text.last_cos", turn.cos, in.last),
        .sin = alm_build_gather_rows(g, "text.last_sin", turn.sin, in.last),
    };
    alm_value h = in.h;
    for (int i = 0; i < t->layers; i++) {
        const decoder_layer l = weights(g, t, i);
        const char *node = alm_graph_text(g, "text.%d.", i);
        alm_value n = alm_build_rmsnorm(g, alm_graph_join(g, node, "input_norm"), h, l.input_norm,
                                        t->norm_eps);
        query_rows rows = {.h = h, .n = n, .turn = turn, .rule = in.rule};
        if (i == t->layers - 1) {
            rows.h = alm_build_gather_rows(g, alm_graph_join(g, node, "last_h"), h, in.last);
            rows.n = alm_build_gather_rows(g, alm_graph_join(g, node, "last_n"), n, in.last);
            rows.turn = last_turn;
            rows.rule = in.last_rule;
        }
        const key_rows all = keys(g, t, &l, node, n, turn, &in);
        h = decode(g, t, &l, node, rows, all, in.key_rule);
        if (i < in.deepstack) {
            h = alm_build_deepstack_add(g, alm_graph_join(g, node, "deepstack"), h, in.source,
                                        in.image[i], in.point[i]);
        }
        alm_graph_stage(g, h, alm_graph_text(g, "text.layer.%d", i));
    }
    const alm_value norm = alm_weights_vector(g, PREFIX "norm.weight", t->width);
    return alm_graph_stage(g, alm_build_rmsnorm(g, "text.norm", h, norm, t->norm_eps), "text.norm");
}
