#include "runtime/input/config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/input/base_folder.h"
#include "runtime/input/json.h"
#include "runtime/input/text_file.h"
#include "runtime/input/yaml.h"

/* Released files have 3 KB; what is much longer is something else. */
enum { SETTINGS_FILE_LIMIT = 256 << 10 };

/* Limits far above every known model; within them every product of two sizes fits in 64 bits, and
 * of two widths in 33. */
enum {
    MAX_WIDTH = 65536,
    MAX_LAYERS = 1024,
    MAX_HEADS = 1024,
    MAX_TOKENS = 262144,
    MAX_ID = 16777215,
    MAX_AREA = 1 << 30
};

/* ---- What is read ---------------------------------------------------------------------------- */

/* One whole number: where it stands and where it goes. */
typedef struct field {
    const char *path;
    size_t offset;
    int least, most;
} field;

#define AT(member) offsetof(alm_settings, member)
#define ENCODER "framework.point_encoder.vn_dgcnn_patch."
#define BRIDGE ENCODER "bridge."
#define POSE "framework.pose_regression."

static const field config_fields[] = {
    {"datasets.point_token_len", AT(point_tokens), 2, 2 * ALM_CLOUD_POINTS},
    {"trainer.vlm_max_length", AT(longest), 1, MAX_TOKENS},
    {ENCODER "pc_feat_dim", AT(model.point.features), 4, MAX_WIDTH},
    {ENCODER "num_patches", AT(model.point.patches), 1, ALM_CLOUD_POINTS},
    {ENCODER "patch_size", AT(model.point.patch_size), 1, ALM_CLOUD_POINTS},
    {BRIDGE "hidden_dim", AT(model.bridge.width), 1, MAX_WIDTH},
    {BRIDGE "num_layers", AT(model.bridge.layers), 1, MAX_LAYERS},
    {BRIDGE "num_heads", AT(model.bridge.heads), 1, MAX_HEADS},
    {BRIDGE "ffn_dim", AT(model.bridge.mlp_width), 1, MAX_WIDTH},
    {BRIDGE "fourier_bands", AT(model.bridge.bands), 1, 1024},
    {BRIDGE "deepstack_num_layers", AT(model.bridge.taps), 1, MAX_LAYERS},
    {"framework.point_mrope.grid_size", AT(model.point.grid), 1, MAX_WIDTH},
    {POSE "hidden_dim", AT(model.head.width), 1, MAX_WIDTH},
    {POSE "num_blocks", AT(model.head.blocks), 1, MAX_LAYERS},
    {POSE "output_dim", AT(model.head.outputs), 1, MAX_WIDTH},
};

static const field base_fields[] = {
    {"image_token_id", AT(image_token_id), 0, MAX_ID},
    {"vision_start_token_id", AT(vision_start_token_id), 0, MAX_ID},
};

static const field backbone_fields[] = {
    {"text_config.hidden_size", AT(model.text.width), 1, MAX_WIDTH},
    {"text_config.intermediate_size", AT(model.text.mlp_width), 1, MAX_WIDTH},
    {"text_config.num_hidden_layers", AT(model.text.layers), 1, MAX_LAYERS},
    {"text_config.num_attention_heads", AT(model.text.heads), 1, MAX_HEADS},
    {"text_config.num_key_value_heads", AT(model.text.kv_heads), 1, MAX_HEADS},
    {"text_config.head_dim", AT(model.text.head_dim), 2, 4096},
    {"vision_config.depth", AT(model.vision.depth), 1, MAX_LAYERS},
    {"vision_config.hidden_size", AT(model.vision.width), 1, MAX_WIDTH},
    {"vision_config.num_heads", AT(model.vision.heads), 1, MAX_HEADS},
    {"vision_config.intermediate_size", AT(model.vision.mlp_width), 1, MAX_WIDTH},
    {"vision_config.in_channels", AT(model.vision.channels), 3, 3},
};

static const field processor_fields[] = {
    {"patch_size", AT(model.vision.patch), 1, 256},
    {"temporal_patch_size", AT(model.vision.temporal_patch), 1, 16},
    {"merge_size", AT(model.vision.merge), 1, 16},
};

/* A setting that may have one value only. */
typedef struct only {
    const char *path, *value;
    bool required; /* else it may be absent: the reference then takes this value */
} only;

static const only config_switches[] = {
    {ENCODER "fusion_module", "patch_transformer", true},
    {ENCODER "pooling", "mean", true},
    {ENCODER "norm_type", "rmsnorm", true},
    {ENCODER "patch_method", "fps_knn", true},
    {ENCODER "normalize_frame", "true", true},
    {BRIDGE "enabled", "true", true},
    {BRIDGE "pos_embed_type", "fourier", true},
    {BRIDGE "deepstack_enabled", "true", true},
    {BRIDGE "deepstack_layer_indexes", "auto", true},
    {BRIDGE "feature_layout", "four_branch_equiv_invariant", true},
    {BRIDGE "position_normalize", "joint_isotropic", true},
    {BRIDGE "scale_encoding_enabled", "true", true},
    {BRIDGE "scale_injection", "film", true},
    {BRIDGE "scale_feature_mode", "part_radii_center_distance_joint_radius", true},
    {BRIDGE "attention_isolation", "protect_invariant", true},
    {"framework.point_mrope.enabled", "true", true},
    {"framework.point_mrope.normalize", "joint_isotropic", true},
    {"framework.point_mrope.base_mode", "first_point", true},
    {"framework.point_mrope.reflow_text_positions", "true", true},
    {"framework.point_attention.bidirectional_enabled", "true", true},
    {"framework.point_attention.bidirectional_scope", "all_points", true},
    {"framework.point_attention.feature_isolation", "protect_invariant", true},
    {POSE "enabled", "true", true},
    {POSE "query_mode", "pose_query_token", true},
    {POSE "output_dim", "9", true},
    {"framework.use_category_in_instruction", "true", true},
    {"framework.point_encoder.type", "vn_dgcnn_patch", false},
};

static const only backbone_switches[] = {
    {"model_type", "qwen3_vl", false},
    {"text_config.hidden_act", "silu", true},
    {"text_config.attention_bias", "false", true},
    {"text_config.rope_scaling.mrope_interleaved", "true", true},
    {"text_config.rope_scaling.rope_type", "default", false},
    {"vision_config.hidden_act", "gelu_pytorch_tanh", true},
};

/* qwen3vl.md 0.2: what a saved preprocessor leaves out has these values. */
static const only processor_switches[] = {
    {"do_resize", "true", false},      {"resample", "3", false},
    {"do_rescale", "true", false},     {"do_normalize", "true", false},
    {"do_convert_rgb", "true", false},
};

static void read_fields(alm_tree *tree, const field *fields, size_t count, alm_settings *s)
{
    for (size_t i = 0; i < count; i++) {
        const int value =
            (int)alm_tree_whole(tree, fields[i].path, fields[i].least, fields[i].most);
        memcpy((char *)s + fields[i].offset, &value, sizeof value);
    }
}

static void check_switches(alm_tree *tree, const only *switches, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        alm_tree_switch(tree, switches[i].path, switches[i].value, switches[i].required);
    }
}

#define READ_FIELDS(tree, fields, s) read_fields(tree, fields, sizeof fields / sizeof *fields, s)
#define CHECK_SWITCHES(tree, list) check_switches(tree, list, sizeof list / sizeof *list)

/* ---- config.yaml ----------------------------------------------------------------------------- */

/* What the unused projector's tensors need; a folder that describes another projector, or none,
 * leaves zeros. */
static void read_projector(alm_tree *tree, alm_settings *s)
{
    const char *hidden = "framework.point_projector.projection_hidden_dim";
    const int node = alm_tree_find(tree, "framework.point_projector");
    const int list = alm_tree_find(tree, hidden);
    if (node < 0 || tree->node[node].kind == ALM_TREE_NULL) {
        return;
    }
    if (list >= 0 && tree->node[list].kind == ALM_TREE_LIST && tree->node[list].count != 2) {
        return;
    }
    alm_tree_wholes(tree, hidden, 1, MAX_WIDTH, s->projector_hidden, 2);
    s->projector_in =
        (int)alm_tree_whole(tree, "framework.point_projector.backbone_output_dim", 1, MAX_WIDTH);
    s->projector_out =
        (int)alm_tree_whole(tree, "framework.point_projector.project_output_dim", 1, MAX_WIDTH);
}

/* The layers behind which the bridge's features leave for the language model (assemlm2.md 3.6).
 * With fewer taps than layers the division gives distinct layers, ascending from 0. */
static void set_taps(alm_tree *tree, alm_bridge_config *b)
{
    const int layers = b->layers;
    const int count = b->taps < layers ? b->taps : layers;
    if (count > ALM_MAX_DEEPSTACK) {
        alm_tree_fail(tree,
                      BRIDGE "deepstack_num_layers: %d layers give their features, at most %d",
                      count, (int)ALM_MAX_DEEPSTACK);
        return;
    }
    b->taps = count;
    for (int i = 0; i < count; i++) {
        b->tap_layer[i] = count < layers ? (i + 1) * layers / (count + 1) - 1 : i;
    }
}

static void check_config(alm_tree *tree, const alm_settings *s)
{
    const alm_assemlm2_config *m = &s->model;
    if (m->point.features % 4 != 0) {
        alm_tree_fail(tree, ENCODER "pc_feat_dim is %d, expected a multiple of 4",
                      m->point.features);
    }
    if (m->bridge.width % m->bridge.heads != 0) {
        alm_tree_fail(tree, BRIDGE "hidden_dim is %d, expected a multiple of num_heads %d",
                      m->bridge.width, m->bridge.heads);
    }
    if (s->point_tokens != 2 * m->point.patches) {
        alm_tree_fail(tree, "datasets.point_token_len is %d, expected 2 x num_patches = %d",
                      s->point_tokens, 2 * m->point.patches);
    }
}

/* base_vlm as it stands there; NULL where it is null. */
static const char *base_entry(alm_tree *tree)
{
    const char *path = "framework.vlm.base_vlm";
    const int node = alm_tree_find(tree, path);
    if (node < 0) {
        alm_tree_fail(tree, "%s is missing", path);
    } else if (tree->node[node].kind == ALM_TREE_TEXT) {
        return alm_tree_text(tree, node);
    } else if (tree->node[node].kind != ALM_TREE_NULL) {
        alm_tree_fail(tree, "%s is no text", path);
    }
    return NULL;
}

static alm_status read_config_tree(alm_tree *tree, alm_settings *s)
{
    alm_bridge_config *b = &s->model.bridge;
    CHECK_SWITCHES(tree, config_switches);
    READ_FIELDS(tree, config_fields, s);
    b->highest_frequency = alm_tree_real(tree, BRIDGE "fourier_max_freq", 1e-6, 1e6);
    b->scale_reference = alm_tree_real(tree, BRIDGE "scale_reference", 1e-6, 1e6);
    b->scale_clip = alm_tree_real(tree, BRIDGE "scale_log_clip", 1e-6, 1e6);
    const char *query = alm_tree_string(tree, POSE "query_token");
    if (strlen(query) > 128) {
        alm_tree_fail(tree, POSE "query_token has %zu bytes, at most 128", strlen(query));
    }
    base_entry(tree);
    read_projector(tree, s);
    if (tree->status == ALM_OK) {
        set_taps(tree, b);
        check_config(tree, s);
    }
    ALM_TRY(tree->status);
    return alm_strdup(query, "query_token", &s->query_token);
}

/* ---- The base folder ------------------------------------------------------------------------- */

static void read_text_config(alm_tree *tree, alm_text_config *t)
{
    t->norm_eps = alm_tree_real(tree, "text_config.rms_norm_eps", 1e-12, 1.0);
    t->rope_theta = alm_tree_real(tree, "text_config.rope_theta", 1.0, 1e12);
    const int sections = alm_tree_wholes(tree, "text_config.rope_scaling.mrope_section", 0, 4096,
                                         t->mrope_section, 3);
    if (tree->status != ALM_OK) {
        return;
    }
    if (sections != 3) {
        alm_tree_fail(tree, "text_config.rope_scaling.mrope_section has %d numbers, expected 3",
                      sections);
    }
    if (t->head_dim % 2 != 0) {
        alm_tree_fail(tree, "text_config.head_dim is %d, expected an even number", t->head_dim);
    }
    if (t->heads % t->kv_heads != 0) {
        alm_tree_fail(tree,
                      "text_config.num_attention_heads is %d, expected a multiple of "
                      "num_key_value_heads %d",
                      t->heads, t->kv_heads);
    }
    if (t->heads * t->head_dim > MAX_WIDTH) {
        alm_tree_fail(tree, "text_config: %d heads of head_dim %d are wider than %d", t->heads,
                      t->head_dim, (int)MAX_WIDTH);
    }
}

static int whole_root(int64_t square)
{
    int root = (int)sqrt((double)square);
    while ((int64_t)root * root > square) {
        root--;
    }
    return (int64_t)(root + 1) * (root + 1) <= square ? root + 1 : root;
}

static void read_vision_config(alm_tree *tree, alm_vision_config *v)
{
    const int64_t cells =
        alm_tree_whole(tree, "vision_config.num_position_embeddings", 1, 4096 * 4096);
    v->deepstack_count = alm_tree_wholes(tree, "vision_config.deepstack_visual_indexes", 0,
                                         MAX_LAYERS, v->deepstack_layer, ALM_MAX_DEEPSTACK);
    if (tree->status != ALM_OK) {
        return;
    }
    v->grid_side = whole_root(cells);
    if ((int64_t)v->grid_side * v->grid_side != cells) {
        alm_tree_fail(tree, "vision_config.num_position_embeddings is %lld, expected a square",
                      (long long)cells);
    }
    if (v->width % v->heads != 0 || v->width / v->heads % 4 != 0) {
        alm_tree_fail(tree,
                      "vision_config.hidden_size is %d, expected a multiple of 4 x num_heads "
                      "%d (two rotary axes)",
                      v->width, v->heads);
    }
    for (int i = 0; i < v->deepstack_count; i++) {
        const int least = i ? v->deepstack_layer[i - 1] + 1 : 0;
        if (v->deepstack_layer[i] < least || v->deepstack_layer[i] >= v->depth) {
            alm_tree_fail(tree,
                          "vision_config.deepstack_visual_indexes holds %d, expected ascending "
                          "numbers below the depth %d",
                          v->deepstack_layer[i], v->depth);
        }
    }
}

/* Two files that say the same thing must agree. `have` is the preprocessor's. */
static void check_same(alm_tree *tree, const char *path, int have, const char *what)
{
    const int64_t value = alm_tree_whole(tree, path, 1, MAX_WIDTH);
    if (value != have) {
        alm_tree_fail(tree, "%s is %lld, expected %d as %s says", path, (long long)value, have,
                      what);
    }
}

static alm_status read_backbone_tree(alm_tree *tree, alm_settings *s)
{
    alm_assemlm2_config *m = &s->model;
    if (alm_tree_find(tree, "text_config.rope_scaling") < 0 &&
        alm_tree_find(tree, "text_config.rope_parameters") >= 0) {
        alm_tree_fail(tree,
                      "text_config.rope_parameters (of later versions of transformers) is not "
                      "supported, expected text_config.rope_scaling and rope_theta");
    }
    CHECK_SWITCHES(tree, backbone_switches);
    READ_FIELDS(tree, base_fields, s);
    READ_FIELDS(tree, backbone_fields, s);
    read_text_config(tree, &m->text);
    read_vision_config(tree, &m->vision);
    check_same(tree, "vision_config.out_hidden_size", m->text.width, "text_config.hidden_size");
    check_same(tree, "vision_config.spatial_merge_size", m->vision.merge,
               "preprocessor_config.json: merge_size");
    check_same(tree, "vision_config.patch_size", m->vision.patch,
               "preprocessor_config.json: patch_size");
    check_same(tree, "vision_config.temporal_patch_size", m->vision.temporal_patch,
               "preprocessor_config.json: temporal_patch_size");
    if (s->projector_out != 0 && s->projector_out != m->text.width) {
        s->projector_in = 0; /* describes another language model's projector, which nothing reads */
        s->projector_out = 0;
    }
    return tree->status;
}

static alm_status read_base_tree(alm_tree *tree, alm_settings *s)
{
    READ_FIELDS(tree, base_fields, s);
    return tree->status;
}

static alm_status read_processor_tree(alm_tree *tree, alm_settings *s)
{
    CHECK_SWITCHES(tree, processor_switches);
    READ_FIELDS(tree, processor_fields, s);
    const int type = alm_tree_find(tree, "image_processor_type");
    if (type >= 0 && strncmp(alm_tree_text(tree, type), "Qwen2VLImageProcessor", 21) != 0) {
        alm_tree_fail(tree,
                      "image_processor_type is \"%.80s\"; only Qwen2VLImageProcessorFast is "
                      "supported",
                      alm_tree_text(tree, type));
    }
    static const char *const overriding[] = {"min_pixels", "max_pixels"};
    for (size_t i = 0; i < 2; i++) {
        const int node = alm_tree_find(tree, overriding[i]);
        if (node >= 0 && tree->node[node].kind != ALM_TREE_NULL) {
            alm_tree_fail(tree, "%s is not supported, expected size.shortest_edge and longest_edge",
                          overriding[i]);
        }
    }
    const int rescale = alm_tree_find(tree, "rescale_factor");
    /* 1/255 as Python writes it. */
    if (rescale >= 0 && tree->node[rescale].kind != ALM_TREE_NULL &&
        !(fabs(tree->node[rescale].real - 1.0 / 255.0) < 1e-12)) {
        alm_tree_fail(tree, "rescale_factor is %s; only 1/255 is supported",
                      alm_tree_text(tree, rescale));
    }
    s->area_min = alm_tree_whole(tree, "size.shortest_edge", 1, MAX_AREA);
    s->area_max = alm_tree_whole(tree, "size.longest_edge", 1, MAX_AREA);
    if (s->area_min > s->area_max) {
        alm_tree_fail(tree, "size.shortest_edge is %lld, expected at most longest_edge %lld",
                      (long long)s->area_min, (long long)s->area_max);
    }
    alm_tree_reals(tree, "image_mean", -1e3, 1e3, s->model.pixel_mean, 3);
    alm_tree_reals(tree, "image_std", 1e-3, 1e3, s->model.pixel_std, 3);
    return tree->status;
}

/* ---- The whole ------------------------------------------------------------------------------- */

typedef alm_status parse_fn(const char *text, size_t bytes, alm_tree *tree);
typedef alm_status take_fn(alm_tree *tree, alm_settings *s);

/* Reads folder/name into the tree, whose messages begin with the name. */
static alm_status read_tree(const char *folder, const char *name, parse_fn *parse, alm_tree *tree)
{
    char *path, *text;
    size_t bytes;
    tree->file = name;
    ALM_TRY(alm_path_join(folder, name, &path));
    alm_status status = alm_text_file_read(path, SETTINGS_FILE_LIMIT, &text, &bytes);
    alm_free(path);
    ALM_TRY(status);
    status = parse(text, bytes, tree);
    alm_free(text);
    return status;
}

static alm_status read_json(const char *folder, const char *name, take_fn *take, alm_settings *s)
{
    alm_tree tree = {.nodes = 0};
    alm_status status = read_tree(folder, name, alm_json_tree, &tree);
    if (status == ALM_OK) {
        status = take(&tree, s);
    }
    alm_tree_clear(&tree);
    return status;
}

static alm_status read_settings(const char *folder, const char *base_option, alm_settings *s)
{
    alm_tree tree = {.nodes = 0};
    alm_status status = read_tree(folder, "config.yaml", alm_yaml_tree, &tree);
    if (status == ALM_OK) {
        status = read_config_tree(&tree, s);
    }
    if (status == ALM_OK) {
        status = alm_base_folder_find(folder, base_option, base_entry(&tree), &s->base);
    }
    alm_tree_clear(&tree);
    ALM_TRY(status);
    ALM_TRY(read_json(s->base, "preprocessor_config.json", read_processor_tree, s));
    return read_json(s->base, "config.json", read_backbone_tree, s);
}

static alm_status take_text(const char *name, const alm_settings_text *text, parse_fn *parse,
                            take_fn *take, alm_settings *s)
{
    alm_tree tree = {.file = name};
    alm_status status = parse(text->text, text->bytes, &tree);
    if (status == ALM_OK) {
        status = take(&tree, s);
    }
    alm_tree_clear(&tree);
    return status;
}

static alm_status take_texts(const alm_settings_text *config, const alm_settings_text *processor,
                             const alm_settings_text *base, alm_settings *s)
{
    ALM_TRY(take_text("config.yaml", config, alm_yaml_tree, read_config_tree, s));
    ALM_TRY(
        take_text("preprocessor_config.json", processor, alm_json_tree, read_processor_tree, s));
    ALM_TRY(take_text("config.json", base, alm_json_tree, read_backbone_tree, s));
    return alm_strdup("", "a path", &s->base);
}

static alm_status give(alm_status status, alm_settings *s, alm_settings **out)
{
    if (status != ALM_OK) {
        alm_settings_free(s);
        return alm_fail_param(status, "model");
    }
    *out = s;
    return ALM_OK;
}

alm_status alm_settings_read(const char *folder, const char *base_option, alm_settings **out)
{
    alm_settings *s;
    ALM_TRY(alm_calloc(1, sizeof *s, "the settings", &s));
    return give(read_settings(folder, base_option, s), s, out);
}

alm_status alm_settings_read_texts(const alm_settings_text *config,
                                   const alm_settings_text *processor,
                                   const alm_settings_text *base, alm_settings **out)
{
    alm_settings *s;
    ALM_TRY(alm_calloc(1, sizeof *s, "the settings", &s));
    return give(take_texts(config, processor, base, s), s, out);
}

alm_status alm_settings_read_base(const char *base, alm_settings **out)
{
    alm_settings *s;
    ALM_TRY(alm_calloc(1, sizeof *s, "the settings", &s));
    alm_status status = alm_base_folder_find(base, base, NULL, &s->base);
    if (status == ALM_OK) {
        status = read_json(s->base, "preprocessor_config.json", read_processor_tree, s);
    }
    if (status == ALM_OK) {
        status = read_json(s->base, "config.json", read_base_tree, s);
    }
    return give(status, s, out);
}

void alm_settings_free(alm_settings *settings)
{
    if (settings) {
        alm_free(settings->base);
        alm_free(settings->query_token);
        alm_free(settings);
    }
}
