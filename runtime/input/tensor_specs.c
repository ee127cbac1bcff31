/* The tensors of the released layout (assemlm2.md 6, qwen3vl.md 7): one table with a line a layer,
 * walked to list them and to check a state file.
 *
 * Refused by name: a tensor that is missing, unexpected, misshapen or of a type that kernels do not
 * read. The unused ones (lm_head, linear0, point_projector) may be there in any shape.
 */
#include <stdio.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/input/config.h"

/* Sizes that shapes are made of. */
/* clang-format off */
typedef enum size_name {
    NONE, ONE, TWO, THREE, FOUR, OUTPUTS,
    V, V3, VF, M, CHANNELS, TEMPORAL, PATCH, CELLS, VISION_LAYERS, MERGERS,
    D, DF, ROWS, Q, KV, HEAD, TEXT_LAYERS,
    C, C2, C3, F, F2, F4, F3,
    H, H2, H3, HF, BANDS, TAPS, BRIDGE_LAYERS,
    P, BLOCKS,
    A0, A1, A2, A3,
    SIZES
} size_name;
/* clang-format on */

/* What follows a name in the state dictionary. */
typedef enum layer_kind {
    TENSOR, /* the name itself: shape of up to five sizes */
    WEIGHT, /* .weight [a, b] */
    NORM,   /* .weight and .bias [a] */
    LINEAR, /* .weight [a, b] and .bias [a] */
    VECTOR  /* .map_to_feat.weight [a, b], .batchnorm.weight [a], .map_to_dir.weight [c, b] */
} layer_kind;

typedef struct layer {
    layer_kind kind;
    const char *name;
    size_name n[5];
} layer;

/* Layers under one prefix; when it holds %d, once for each number below `repeat`. */
typedef struct group {
    const char *prefix;
    size_name repeat;
    const layer *layers;
    int used;
} group;

#define END                                                                                        \
    {                                                                                              \
        TENSOR, NULL,                                                                              \
        {                                                                                          \
            NONE                                                                                   \
        }                                                                                          \
    }
#define VISUAL "pvlm_interface.vlm.model.visual."
#define LANGUAGE "pvlm_interface.vlm.model.language_model."
#define BRIDGE "pvlm_interface.point_patch_bridge."
#define HEAD_MODEL "pose_regression_head.model."

static const layer vision_input[] = {
    {TENSOR, "patch_embed.proj.weight", {V, CHANNELS, TEMPORAL, PATCH, PATCH}},
    {TENSOR, "patch_embed.proj.bias", {V}},
    {WEIGHT, "pos_embed", {CELLS, V}},
    END};
static const layer vision_block[] = {{NORM, "norm1", {V}},
                                     {NORM, "norm2", {V}},
                                     {LINEAR, "attn.qkv", {V3, V}},
                                     {LINEAR, "attn.proj", {V, V}},
                                     {LINEAR, "mlp.linear_fc1", {VF, V}},
                                     {LINEAR, "mlp.linear_fc2", {V, VF}},
                                     END};
static const layer vision_merger[] = {
    {NORM, "norm", {V}}, {LINEAR, "linear_fc1", {M, M}}, {LINEAR, "linear_fc2", {D, M}}, END};
static const layer deepstack_merger[] = {
    {NORM, "norm", {M}}, {LINEAR, "linear_fc1", {M, M}}, {LINEAR, "linear_fc2", {D, M}}, END};
static const layer text_input[] = {{WEIGHT, "embed_tokens", {ROWS, D}}, END};
static const layer text_layer[] = {
    {WEIGHT, "self_attn.q_proj", {Q, D}},      {WEIGHT, "self_attn.k_proj", {KV, D}},
    {WEIGHT, "self_attn.v_proj", {KV, D}},     {WEIGHT, "self_attn.o_proj", {D, Q}},
    {WEIGHT, "self_attn.q_norm", {HEAD}},      {WEIGHT, "self_attn.k_norm", {HEAD}},
    {WEIGHT, "mlp.gate_proj", {DF, D}},        {WEIGHT, "mlp.up_proj", {DF, D}},
    {WEIGHT, "mlp.down_proj", {D, DF}},        {WEIGHT, "input_layernorm", {D}},
    {WEIGHT, "post_attention_layernorm", {D}}, END};
static const layer text_output[] = {{WEIGHT, "norm", {D}}, END};
static const layer lm_head[] = {{WEIGHT, "lm_head", {ROWS, D}}, END};
static const layer point_convolutions[] = {
    {VECTOR, "conv1", {C, TWO, C}},      {VECTOR, "conv2", {C, C, C}},
    {VECTOR, "conv3", {C, C2, C}},       {VECTOR, "conv4", {C, C, C}},
    {VECTOR, "conv5", {C, C2, C}},       {VECTOR, "conv6", {F, C3, ONE}},
    {VECTOR, "VnInv.vn1", {F2, F, F2}},  {VECTOR, "VnInv.vn2", {F4, F2, F4}},
    {WEIGHT, "VnInv.vn_lin", {TWO, F4}}, END};
static const layer point_linear0[] = {{LINEAR, "linear0", {F, THREE}}, END};
static const layer projector[] = {{NORM, "0", {A0}},       {LINEAR, "1", {A1, A0}},
                                  {NORM, "3", {A1}},       {LINEAR, "4", {A2, A1}},
                                  {LINEAR, "6", {A3, A2}}, END};
static const layer bridge_input[] = {{NORM, "input_proj.0", {F3}},
                                     {LINEAR, "input_proj.1", {H, F3}},
                                     {LINEAR, "input_proj.3", {H, H}},
                                     {WEIGHT, "type_embed", {FOUR, H}},
                                     {LINEAR, "scale_encoder.0", {H, FOUR}},
                                     {LINEAR, "scale_encoder.2", {H2, H}},
                                     {LINEAR, "pos_proj.0", {H, BANDS}},
                                     {LINEAR, "pos_proj.2", {H, H}},
                                     END};
static const layer bridge_layer[] = {{TENSOR, "self_attn.in_proj_weight", {H3, H}},
                                     {TENSOR, "self_attn.in_proj_bias", {H3}},
                                     {LINEAR, "self_attn.out_proj", {H, H}},
                                     {LINEAR, "linear1", {HF, H}},
                                     {LINEAR, "linear2", {H, HF}},
                                     {NORM, "norm1", {H}},
                                     {NORM, "norm2", {H}},
                                     END};
static const layer bridge_output[] = {
    {NORM, "output_proj.0", {H}}, {LINEAR, "output_proj.1", {D, H}}, END};
static const layer bridge_deepstack[] = {{NORM, "0", {H}}, {LINEAR, "1", {D, H}}, END};
static const layer bridge_gates[] = {{TENSOR, "deepstack_gates", {TAPS}}, END};
static const layer head_input[] = {{NORM, "layer_norm1", {D}}, {LINEAR, "fc1", {P, D}}, END};
static const layer head_block[] = {{NORM, "ffn.0", {P}}, {LINEAR, "ffn.1", {P, P}}, END};
static const layer head_output[] = {{NORM, "layer_norm2", {P}}, {LINEAR, "fc2", {OUTPUTS, P}}, END};

/* State-dict order. A part that is not described (the projector of an unknown folder) is left out.
 */
static const group groups[] = {
    {VISUAL, NONE, vision_input, 1},
    {VISUAL "blocks.%d.", VISION_LAYERS, vision_block, 1},
    {VISUAL "merger.", NONE, vision_merger, 1},
    {VISUAL "deepstack_merger_list.%d.", MERGERS, deepstack_merger, 1},
    {LANGUAGE, NONE, text_input, 1},
    {LANGUAGE "layers.%d.", TEXT_LAYERS, text_layer, 1},
    {LANGUAGE, NONE, text_output, 1},
    {"pvlm_interface.vlm.", NONE, lm_head, 0},
    {"pvlm_interface.point_encoder.", NONE, point_convolutions, 1},
    {"pvlm_interface.point_encoder.", NONE, point_linear0, 0},
    {"pvlm_interface.point_projector.layers.", A0, projector, 0},
    {BRIDGE, NONE, bridge_gates, 1},
    {BRIDGE, NONE, bridge_input, 1},
    {BRIDGE "transformer_layers.%d.", BRIDGE_LAYERS, bridge_layer, 1},
    {BRIDGE, NONE, bridge_output, 1},
    {BRIDGE "deepstack_output_projs.%d.", TAPS, bridge_deepstack, 1},
    {HEAD_MODEL, NONE, head_input, 1},
    {HEAD_MODEL "blocks.%d.", BLOCKS, head_block, 1},
    {HEAD_MODEL, NONE, head_output, 1},
};

/* What a checkpoint may hold although nothing reads it. */
static const char *const unused_names[] = {"pvlm_interface.vlm.lm_head.weight",
                                           "pvlm_interface.point_encoder.linear0.",
                                           "pvlm_interface.point_projector."};

static void set_sizes(const alm_settings *s, int64_t n[SIZES])
{
    const alm_vision_config *v = &s->model.vision;
    const alm_text_config *t = &s->model.text;
    const alm_point_config *p = &s->model.point;
    const alm_bridge_config *b = &s->model.bridge;
    const int64_t features = p->features, channels = p->channels, width = b->width;
    memset(n, 0, sizeof(int64_t) * SIZES);
    n[ONE] = 1, n[TWO] = 2, n[THREE] = 3, n[FOUR] = 4, n[OUTPUTS] = s->model.head.outputs;
    n[V] = v->width, n[V3] = 3 * n[V], n[VF] = v->mlp_width;
    n[M] = n[V] * v->merge * v->merge;
    n[CHANNELS] = v->channels, n[TEMPORAL] = v->temporal_patch, n[PATCH] = v->patch;
    n[CELLS] = (int64_t)v->grid_side * v->grid_side;
    n[VISION_LAYERS] = v->depth, n[MERGERS] = v->deepstack_count;
    n[D] = t->width, n[DF] = t->mlp_width, n[ROWS] = t->embedding_rows;
    n[Q] = (int64_t)t->heads * t->head_dim, n[KV] = (int64_t)t->kv_heads * t->head_dim;
    n[HEAD] = t->head_dim, n[TEXT_LAYERS] = t->layers;
    n[C] = channels, n[C2] = 2 * channels, n[C3] = 3 * channels;
    n[F] = features, n[F2] = features / 2, n[F4] = features / 4, n[F3] = 3 * features;
    n[H] = width, n[H2] = 2 * width, n[H3] = 3 * width, n[HF] = b->mlp_width;
    n[BANDS] = 6 * (int64_t)b->bands, n[TAPS] = b->taps, n[BRIDGE_LAYERS] = b->layers;
    n[P] = s->model.head.width, n[BLOCKS] = s->model.head.blocks;
    n[A0] = s->projector_in, n[A1] = s->projector_hidden[0], n[A2] = s->projector_hidden[1];
    n[A3] = s->projector_out;
}

typedef alm_status visit_fn(void *context, const alm_tensor_spec *spec);

typedef struct walk {
    const int64_t *size;
    visit_fn *visit;
    void *context;
    char prefix[80];
    int used;
} walk;

/* One tensor: prefix, name of the layer, suffix; its shape by up to five size names. */
static alm_status visit_one(const walk *w, const char *name, const char *suffix,
                            const size_name *shape, int rank)
{
    alm_tensor_spec spec = {.rank = rank, .used = w->used};
    snprintf(spec.name, sizeof spec.name, "%s%s%s", w->prefix, name, suffix);
    for (int i = 0; i < rank; i++) {
        spec.dim[i] = w->size[shape[i]];
    }
    return w->visit(w->context, &spec);
}

static alm_status visit_layer(const walk *w, const layer *l)
{
    const size_name turned[2] = {l->n[2], l->n[1]};
    int rank = 0;
    while (rank < 5 && l->n[rank] != NONE) {
        rank++;
    }
    switch (l->kind) {
    case TENSOR: return visit_one(w, l->name, "", l->n, rank);
    case WEIGHT: return visit_one(w, l->name, ".weight", l->n, rank);
    case NORM:
    case LINEAR:
        ALM_TRY(visit_one(w, l->name, ".weight", l->n, rank));
        return visit_one(w, l->name, ".bias", l->n, 1);
    case VECTOR:
        ALM_TRY(visit_one(w, l->name, ".map_to_feat.weight", l->n, 2));
        ALM_TRY(visit_one(w, l->name, ".batchnorm.weight", l->n, 1));
        return visit_one(w, l->name, ".map_to_dir.weight", turned, 2);
    }
    return ALM_OK;
}

/* Every layer of a group; a '%d' in its prefix is `index`. */
static alm_status visit_group(walk *w, const group *g, int64_t index)
{
    const char *place = strchr(g->prefix, '%');
    if (place) {
        snprintf(w->prefix, sizeof w->prefix, "%.*s%d%s", (int)(place - g->prefix), g->prefix,
                 (int)index, place + 2);
    } else {
        snprintf(w->prefix, sizeof w->prefix, "%s", g->prefix);
    }
    w->used = g->used;
    for (const layer *l = g->layers; l->name; l++) {
        ALM_TRY(visit_layer(w, l));
    }
    return ALM_OK;
}

alm_status alm_tensor_specs(const alm_settings *settings, visit_fn *visit, void *context)
{
    int64_t size[SIZES];
    walk w = {.size = size, .visit = visit, .context = context};
    set_sizes(settings, size);
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        const group *g = &groups[i];
        const int64_t told = g->repeat == NONE ? 1 : size[g->repeat];
        const int64_t count = strchr(g->prefix, '%') ? told : told > 0;
        for (int64_t k = 0; k < count; k++) {
            ALM_TRY(visit_group(&w, g, k));
        }
    }
    return ALM_OK;
}

/* ---- Checking a state file ------------------------------------------------------------------- */

enum { SHAPE_TEXT = 128 };

static const char *shape_text(const int64_t *dim, int rank, char text[SHAPE_TEXT])
{
    size_t at = 1;
    text[0] = '[';
    for (int i = 0; i < rank; i++) {
        at +=
            (size_t)snprintf(text + at, SHAPE_TEXT - at, i ? ", %lld" : "%lld", (long long)dim[i]);
    }
    snprintf(text + at, SHAPE_TEXT - at, "]");
    return text;
}

typedef struct check {
    const alm_state *state;
    unsigned char *known; /* of each tensor of the state: it is in the table */
} check;

static alm_status check_tensor(void *context, const alm_tensor_spec *spec)
{
    check *c = context;
    char have[SHAPE_TEXT], want[SHAPE_TEXT];
    if (!spec->used) {
        return ALM_OK;
    }
    const int index = alm_state_index(c->state, spec->name);
    if (index < 0) {
        return alm_fail(ALM_STATUS_MODEL, "%s: missing from the state file", spec->name);
    }
    const alm_desc *desc = &alm_state_at(c->state, index)->desc;
    c->known[index] = 1;
    if (desc->rank != spec->rank ||
        memcmp(desc->dim, spec->dim, (size_t)spec->rank * sizeof *spec->dim) != 0) {
        return alm_fail(ALM_STATUS_MODEL, "%s: shape is %s, expected %s", spec->name,
                        shape_text(desc->dim, desc->rank, have),
                        shape_text(spec->dim, spec->rank, want));
    }
    if (desc->dtype != ALM_DTYPE_F32 && desc->dtype != ALM_DTYPE_BF16) {
        return alm_fail(ALM_STATUS_MODEL, "%s: type is %s, expected BF16, F16, F32 or F64",
                        spec->name, alm_dtype_name(desc->dtype));
    }
    return ALM_OK;
}

static bool is_unused(const char *name)
{
    for (size_t i = 0; i < sizeof unused_names / sizeof *unused_names; i++) {
        if (strncmp(name, unused_names[i], strlen(unused_names[i])) == 0) {
            return true;
        }
    }
    return false;
}

static alm_status check_all(alm_settings *settings, check *c)
{
    ALM_TRY(alm_tensor_specs(settings, check_tensor, c));
    for (int i = 0; i < alm_state_count(c->state); i++) {
        const char *name = alm_state_at(c->state, i)->name;
        if (!c->known[i] && !is_unused(name)) {
            return alm_fail(ALM_STATUS_MODEL, "%.200s: unexpected in the state file", name);
        }
    }
    return ALM_OK;
}

/* Rows of a matrix that is named in full; what is wrong with it otherwise, check_tensor tells. */
static int rows_of(const alm_state *state, const char *name, int64_t most)
{
    const int index = alm_state_index(state, name);
    const alm_desc *desc = index < 0 ? NULL : &alm_state_at(state, index)->desc;
    return desc && desc->rank > 0 && desc->dim[0] >= 0 && desc->dim[0] <= most ? (int)desc->dim[0]
                                                                               : 0;
}

alm_status alm_settings_fit(alm_settings *settings, const alm_state *state, int tokens)
{
    enum { MOST_ROWS = 1 << 24, MOST_CHANNELS = 65536 };
    check c = {.state = state};
    settings->model.text.embedding_rows = rows_of(state, LANGUAGE "embed_tokens.weight", MOST_ROWS);
    settings->model.point.channels =
        rows_of(state, "pvlm_interface.point_encoder.conv1.map_to_feat.weight", MOST_CHANNELS);
    ALM_TRY(alm_calloc((size_t)alm_state_count(state), 1, "the tensor check", &c.known));
    alm_status status = check_all(settings, &c);
    alm_free(c.known);
    if (status == ALM_OK && settings->model.text.embedding_rows < tokens) {
        status = alm_fail(ALM_STATUS_MODEL,
                          LANGUAGE "embed_tokens.weight: has %d rows, the tokenizer needs %d",
                          settings->model.text.embedding_rows, tokens);
    }
    if (status == ALM_OK && settings->model.point.channels == 0) {
        status =
            alm_fail(ALM_STATUS_MODEL, "pvlm_interface.point_encoder.conv1.map_to_feat.weight: "
                                       "has no rows, expected a row a channel");
    }
    return status == ALM_OK ? ALM_OK : alm_fail_param(status, "model");
}
