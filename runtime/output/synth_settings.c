/* Settings of made-up model folders (synth_settings.h). */
#include "runtime/output/synth_settings.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "kernels/core/memory.h"
#include "runtime/input/text_file.h"
#include "runtime/output/buffer.h"
#include "runtime/output/file_write.h"
#include "runtime/output/synth_tokenizer.h"

/* A tokenizer.json of the release has 11 MB. */
enum { SETTINGS_LIMIT = 64 << 20 };

/* Everything that differs between the presets; what the two have in common stands in the texts
 * below. Names as in config.yaml and config.json. */
typedef struct preset {
    const char *name;
    int vocabulary; /* entries of the tokenizer without added tokens; 0: as many as it needs */
    int num_patches, patch_size, pc_feat_dim;
    int bridge_width, bridge_heads, bridge_ffn;
    int projector[2];
    int head_width;
    int hidden, intermediate, layers, heads, kv_heads, head_dim, rope_theta, section[3];
    int vision_depth, vision_hidden, vision_intermediate, vision_heads, positions, taps[3];
    int shortest_edge, longest_edge;
} preset;

static const preset presets[] = {
    {.name = "tiny",
     .num_patches = 16,
     .patch_size = 4,
     .pc_feat_dim = 32,
     .bridge_width = 48,
     .bridge_heads = 4,
     .bridge_ffn = 80,
     .projector = {16, 32},
     .head_width = 128,
     .hidden = 96,
     .intermediate = 160,
     .layers = 5,
     .heads = 4,
     .kv_heads = 2,
     .head_dim = 32,
     .rope_theta = 500,
     .section = {8, 4, 4},
     .vision_depth = 4,
     .vision_hidden = 64,
     .vision_intermediate = 112,
     .vision_heads = 4,
     .positions = 64,
     .taps = {0, 1, 2},
     .shortest_edge = 4096,
     .longest_edge = 36864},
    {.name = "release",
     .vocabulary = 151643,
     .num_patches = 128,
     .patch_size = 4,
     .pc_feat_dim = 512,
     .bridge_width = 1024,
     .bridge_heads = 8,
     .bridge_ffn = 4096,
     .projector = {1024, 2048},
     .head_width = 4096,
     .hidden = 2048,
     .intermediate = 6144,
     .layers = 28,
     .heads = 16,
     .kv_heads = 8,
     .head_dim = 128,
     .rope_theta = 5000000,
     .section = {24, 20, 20},
     .vision_depth = 24,
     .vision_hidden = 1024,
     .vision_intermediate = 4096,
     .vision_heads = 16,
     .positions = 2304,
     .taps = {5, 11, 17},
     .shortest_edge = 65536,
     .longest_edge = 16777216},
};

static alm_status write_file(const char *folder, const char *name, alm_buffer *text)
{
    alm_status status = text->status;
    char *path;
    if (status == ALM_OK) {
        status = alm_path_join(folder, name, &path);
    }
    if (status == ALM_OK) {
        status = alm_file_write_all(path, text->data, text->count);
        alm_free(path);
    }
    alm_buffer_free(text);
    return status;
}

static alm_status write_config_yaml(const char *folder, const preset *p)
{
    alm_buffer b = {0};
    alm_buffer_format(&b,
                      "run_id: %s\n"
                      "datasets:\n"
                      "  point_token_len: %d\n"
                      "framework:\n"
                      "  name: AssemLM2\n"
                      "  framework_py: AssemLM2\n"
                      "  pvlm_py: pvlm\n"
                      "  vlm:\n"
                      "    base_vlm: ${oc.env:ASSEMLM_VLM_PATH}\n"
                      "  point_encoder:\n"
                      "    type: vn_dgcnn_patch\n"
                      "    vn_dgcnn_patch:\n",
                      p->name, 2 * p->num_patches);
    alm_buffer_format(&b,
                      "      pc_feat_dim: %d\n"
                      "      fusion_module: patch_transformer\n"
                      "      pooling: mean\n"
                      "      norm_type: rmsnorm\n"
                      "      num_patches: %d\n"
                      "      patch_size: %d\n"
                      "      patch_method: fps_knn\n"
                      "      normalize_frame: true\n"
                      "      force_fp32: true\n",
                      p->pc_feat_dim, p->num_patches, p->patch_size);
    alm_buffer_format(&b,
                      "      bridge:\n"
                      "        enabled: true\n"
                      "        hidden_dim: %d\n"
                      "        num_layers: 4\n"
                      "        num_heads: %d\n"
                      "        ffn_dim: %d\n",
                      p->bridge_width, p->bridge_heads, p->bridge_ffn);
    alm_buffer_text(&b, "        pos_embed_type: fourier\n"
                        "        fourier_bands: 6\n"
                        "        fourier_max_freq: 10.0\n"
                        "        deepstack_enabled: true\n"
                        "        deepstack_num_layers: 3\n"
                        "        deepstack_layer_indexes: auto\n"
                        "        feature_layout: four_branch_equiv_invariant\n"
                        "        position_normalize: joint_isotropic\n"
                        "        scale_encoding_enabled: true\n"
                        "        scale_injection: film\n"
                        "        scale_feature_mode: part_radii_center_distance_joint_radius\n"
                        "        scale_reference: 1.0\n"
                        "        scale_log_clip: 10.0\n"
                        "        attention_isolation: protect_invariant\n");
    alm_buffer_format(&b,
                      "  point_projector:\n"
                      "    projection_hidden_layer: 2\n"
                      "    backbone_output_dim: 6\n"
                      "    projection_hidden_dim:\n"
                      "    - %d\n"
                      "    - %d\n"
                      "    project_output_dim: %d\n",
                      p->projector[0], p->projector[1], p->hidden);
    alm_buffer_format(&b,
                      "  point_mrope:\n"
                      "    enabled: true\n"
                      "    grid_size: 64\n"
                      "    normalize: joint_isotropic\n"
                      "    base_mode: first_point\n"
                      "    reflow_text_positions: true\n"
                      "  point_attention:\n"
                      "    bidirectional_enabled: true\n"
                      "    bidirectional_scope: all_points\n"
                      "    feature_isolation: protect_invariant\n"
                      "  pose_regression:\n"
                      "    enabled: true\n"
                      "    query_mode: pose_query_token\n"
                      "    query_token: <pose_query>\n"
                      "    hidden_dim: %d\n"
                      "    num_blocks: 2\n"
                      "    output_dim: 9\n"
                      "  use_category_in_instruction: true\n"
                      "trainer:\n"
                      "  vlm_max_length: 1800\n",
                      p->head_width);
    return write_file(folder, "config.yaml", &b);
}

static alm_status write_config_json(const char *base, const preset *p, const alm_synth_ids *ids)
{
    alm_buffer b = {0};
    alm_buffer_format(&b,
                      "{\n"
                      " \"architectures\": [\"Qwen3VLForConditionalGeneration\"],\n"
                      " \"model_type\": \"qwen3_vl\",\n"
                      " \"image_token_id\": %d,\n"
                      " \"video_token_id\": %d,\n"
                      " \"vision_start_token_id\": %d,\n"
                      " \"vision_end_token_id\": %d,\n"
                      " \"tie_word_embeddings\": true,\n",
                      ids->image, ids->video, ids->vision_start, ids->vision_end);
    /* The released vocab_size has room beyond its tokens, up to a multiple of 128 after the next
     * 256; nothing reads it. */
    alm_buffer_format(&b,
                      " \"text_config\": {\n"
                      "  \"model_type\": \"qwen3_vl_text\",\n"
                      "  \"hidden_act\": \"silu\",\n"
                      "  \"attention_bias\": false,\n"
                      "  \"bos_token_id\": %d,\n"
                      "  \"eos_token_id\": %d,\n"
                      "  \"max_position_embeddings\": 262144,\n"
                      "  \"vocab_size\": %d,\n",
                      ids->end_of_text, ids->message_end, (ids->count + 256 + 127) / 128 * 128);
    alm_buffer_format(&b,
                      "  \"hidden_size\": %d,\n"
                      "  \"intermediate_size\": %d,\n"
                      "  \"num_hidden_layers\": %d,\n"
                      "  \"num_attention_heads\": %d,\n"
                      "  \"num_key_value_heads\": %d,\n"
                      "  \"head_dim\": %d,\n"
                      "  \"rms_norm_eps\": 1e-06,\n"
                      "  \"rope_theta\": %d,\n"
                      "  \"rope_scaling\": {\"mrope_interleaved\": true, \"mrope_section\": "
                      "[%d, %d, %d], \"rope_type\": \"default\"}\n"
                      " },\n",
                      p->hidden, p->intermediate, p->layers, p->heads, p->kv_heads, p->head_dim,
                      p->rope_theta, p->section[0], p->section[1], p->section[2]);
    alm_buffer_format(&b,
                      " \"vision_config\": {\n"
                      "  \"model_type\": \"qwen3_vl\",\n"
                      "  \"hidden_act\": \"gelu_pytorch_tanh\",\n"
                      "  \"in_channels\": 3,\n"
                      "  \"patch_size\": 16,\n"
                      "  \"temporal_patch_size\": 2,\n"
                      "  \"spatial_merge_size\": 2,\n"
                      "  \"depth\": %d,\n"
                      "  \"hidden_size\": %d,\n"
                      "  \"intermediate_size\": %d,\n"
                      "  \"num_heads\": %d,\n"
                      "  \"num_position_embeddings\": %d,\n"
                      "  \"out_hidden_size\": %d,\n"
                      "  \"deepstack_visual_indexes\": [%d, %d, %d]\n"
                      " }\n"
                      "}\n",
                      p->vision_depth, p->vision_hidden, p->vision_intermediate, p->vision_heads,
                      p->positions, p->hidden, p->taps[0], p->taps[1], p->taps[2]);
    return write_file(base, "config.json", &b);
}

static alm_status write_preprocessor(const char *base, const preset *p)
{
    alm_buffer b = {0};
    alm_buffer_format(&b,
                      "{\n"
                      " \"image_processor_type\": \"Qwen2VLImageProcessorFast\",\n"
                      " \"processor_class\": \"Qwen3VLProcessor\",\n"
                      " \"size\": {\"shortest_edge\": %d, \"longest_edge\": %d},\n"
                      " \"patch_size\": 16,\n"
                      " \"temporal_patch_size\": 2,\n"
                      " \"merge_size\": 2,\n"
                      " \"image_mean\": [0.5, 0.5, 0.5],\n"
                      " \"image_std\": [0.5, 0.5, 0.5]\n"
                      "}\n",
                      p->shortest_edge, p->longest_edge);
    return write_file(base, "preprocessor_config.json", &b);
}

static alm_status make_base(const char *folder, char **out)
{
    char *base;
    ALM_TRY(alm_path_join(folder, "base", &base));
    if (mkdir(base, 0777) != 0) {
        const alm_status status = alm_fail(ALM_STATUS_OUTPUT, "%s: %s", base, strerror(errno));
        alm_free(base);
        return status;
    }
    *out = base;
    return ALM_OK;
}

alm_status alm_synth_settings_write(const char *folder, const char *name)
{
    const preset *p = NULL;
    alm_synth_ids ids;
    char *base;
    for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++) {
        if (name && strcmp(presets[i].name, name) == 0) {
            p = &presets[i];
        }
    }
    if (!p) {
        return alm_fail(ALM_STATUS_USAGE, "preset %s: expected tiny or release",
                        name ? name : "(none)");
    }
    ALM_TRY(write_config_yaml(folder, p));
    ALM_TRY(make_base(folder, &base));
    alm_status status = alm_synth_tokenizer_write(base, p->vocabulary, &ids);
    status = status != ALM_OK ? status : write_config_json(base, p, &ids);
    status = status != ALM_OK ? status : write_preprocessor(base, p);
    alm_free(base);
    return status;
}

/* ---- Copies ---------------------------------------------------------------------------------- */

static alm_status copy_file(const char *from_folder, const char *to_folder, const char *name,
                            bool needed)
{
    char *from = NULL, *to = NULL, *text;
    size_t bytes;
    alm_status status = alm_path_join(from_folder, name, &from);
    status = status != ALM_OK ? status : alm_path_join(to_folder, name, &to);
    if (status == ALM_OK && (needed || alm_is_file(from))) {
        status = alm_text_file_read(from, SETTINGS_LIMIT, &text, &bytes);
        if (status == ALM_OK) {
            status = alm_file_write_all(to, text, bytes);
            alm_free(text);
        }
    }
    alm_free(from);
    alm_free(to);
    return status;
}

alm_status alm_synth_settings_copy(const char *folder, const char *from, const char *from_base)
{
    static const struct {
        const char *name;
        bool needed;
    } files[] = {{"config.json", true},
                 {"preprocessor_config.json", true},
                 {"tokenizer.json", false},
                 {"vocab.json", false},
                 {"merges.txt", false},
                 {"tokenizer_config.json", false},
                 {"chat_template.json", false},
                 {"generation_config.json", false},
                 {"added_tokens.json", false},
                 {"video_preprocessor_config.json", false},
                 {"special_tokens_map.json", false}};
    char *base;
    ALM_TRY(copy_file(from, folder, "config.yaml", true));
    ALM_TRY(make_base(folder, &base));
    alm_status status = ALM_OK;
    for (size_t i = 0; status == ALM_OK && i < sizeof files / sizeof files[0]; i++) {
        status = copy_file(from_base, base, files[i].name, files[i].needed);
    }
    alm_free(base);
    return status;
}
