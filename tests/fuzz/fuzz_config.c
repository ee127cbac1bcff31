/* Settings. The first byte tells which of the three files the rest stands for; the other two are
 * sound. What is accepted must be consistent, and its table of tensors must have sound shapes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/input/config.h"

#define DEMAND(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static const char config[] =
    "datasets: {point_token_len: 4}\n"
    "trainer: {vlm_max_length: 100}\n"
    "framework:\n"
    "  vlm: {base_vlm: x}\n"
    "  use_category_in_instruction: true\n"
    "  point_encoder:\n"
    "    vn_dgcnn_patch:\n"
    "      {pc_feat_dim: 4, num_patches: 2, patch_size: 1, fusion_module: patch_transformer,\n"
    "       pooling: mean, norm_type: rmsnorm, patch_method: fps_knn, normalize_frame: true,\n"
    "       bridge: {enabled: true, hidden_dim: 4, num_layers: 2, num_heads: 2, ffn_dim: 4,\n"
    "         pos_embed_type: fourier, fourier_bands: 1, fourier_max_freq: 2.0,\n"
    "         deepstack_enabled: true, deepstack_num_layers: 1, deepstack_layer_indexes: auto,\n"
    "         feature_layout: four_branch_equiv_invariant, position_normalize: joint_isotropic,\n"
    "         scale_encoding_enabled: true, scale_injection: film, scale_reference: 1,\n"
    "         scale_feature_mode: part_radii_center_distance_joint_radius, scale_log_clip: 1,\n"
    "         attention_isolation: protect_invariant}}\n"
    "  point_mrope: {enabled: true, grid_size: 4, normalize: joint_isotropic,\n"
    "    base_mode: first_point, reflow_text_positions: true}\n"
    "  point_attention: {bidirectional_enabled: true, bidirectional_scope: all_points,\n"
    "    feature_isolation: protect_invariant}\n"
    "  pose_regression: {enabled: true, query_mode: pose_query_token, query_token: <q>,\n"
    "    hidden_dim: 4, num_blocks: 1, output_dim: 9}\n";

static const char processor[] =
    "{\"size\": {\"shortest_edge\": 4, \"longest_edge\": 64}, \"patch_size\": 2,"
    " \"temporal_patch_size\": 1, \"merge_size\": 1, \"image_mean\": [0.5, 0.5, 0.5],"
    " \"image_std\": [0.5, 0.5, 0.5]}";

static const char base[] =
    "{\"image_token_id\": 1, \"vision_start_token_id\": 2, \"text_config\": {\"hidden_size\": 4,"
    " \"intermediate_size\": 4, \"num_hidden_layers\": 1, \"num_attention_heads\": 2,"
    " \"num_key_value_heads\": 1, \"head_dim\": 6, \"rms_norm_eps\": 1e-6, \"rope_theta\": 100,"
    " \"hidden_act\": \"silu\", \"attention_bias\": false,"
    " \"rope_scaling\": {\"mrope_interleaved\": true, \"mrope_section\": [1, 1, 1]}},"
    " \"vision_config\": {\"depth\": 1, \"hidden_size\": 8, \"num_heads\": 2,"
    " \"intermediate_size\": 4, \"in_channels\": 3, \"num_position_embeddings\": 4,"
    " \"out_hidden_size\": 4, \"patch_size\": 2, \"spatial_merge_size\": 1,"
    " \"temporal_patch_size\": 1, \"hidden_act\": \"gelu_pytorch_tanh\","
    " \"deepstack_visual_indexes\": [0]}}";

static alm_status check_spec(void *context, const alm_tensor_spec *spec)
{
    int *left = context;
    DEMAND(spec->rank >= 1 && spec->rank <= 5 && strlen(spec->name) + 1 < sizeof spec->name);
    for (int i = 0; i < spec->rank; i++) {
        DEMAND(spec->dim[i] >= 1 && spec->dim[i] <= (int64_t)1 << 25);
    }
    return --*left > 0 ? ALM_OK : ALM_STATUS_CHECK; /* of a thousand layers, the first will do */
}

static void check_settings(alm_settings *s)
{
    const alm_assemlm2_config *m = &s->model;
    int left = 2000;
    DEMAND(m->vision.width % (4 * m->vision.heads) == 0);
    DEMAND(m->text.heads % m->text.kv_heads == 0 && m->text.head_dim % 2 == 0);
    DEMAND(m->bridge.width % m->bridge.heads == 0 && m->point.features % 4 == 0);
    DEMAND(s->point_tokens == 2 * m->point.patches);
    DEMAND(m->bridge.taps >= 1 && m->bridge.taps <= ALM_MAX_DEEPSTACK);
    for (int i = 0; i < m->bridge.taps; i++) {
        DEMAND(m->bridge.tap_layer[i] >= (i ? m->bridge.tap_layer[i - 1] + 1 : 0));
        DEMAND(m->bridge.tap_layer[i] < m->bridge.layers);
    }
    s->model.text.embedding_rows = 1;
    s->model.point.channels = 1;
    alm_tensor_specs(s, check_spec, &left);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    alm_settings_text text[3] = {
        {config, sizeof config - 1}, {processor, sizeof processor - 1}, {base, sizeof base - 1}};
    alm_settings *settings;
    if (size > 0) {
        text[data[0] % 3] = (alm_settings_text){(const char *)data + 1, size - 1};
    }
    if (alm_settings_read_texts(&text[0], &text[1], &text[2], &settings) == ALM_OK) {
        check_settings(settings);
        alm_settings_free(settings);
    } else {
        DEMAND(size > 0 && alm_error_message()[0] != '\0');
    }
    return 0;
}
