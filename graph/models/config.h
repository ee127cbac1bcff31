/* The sizes of an AssemLM 2.0 model: what model files build graphs from. Filled by
 * runtime/input/config.c from config.yaml and the base folder; nothing here has a default. Names as
 * in assemlm2.md 8 and qwen3vl.md 0.2.
 */
#ifndef ALM_GRAPH_MODELS_CONFIG_H
#define ALM_GRAPH_MODELS_CONFIG_H

enum { ALM_MAX_DEEPSTACK = 64 };

/* Constants that no file holds (assemlm2.md 8). */
enum { ALM_CLOUD_POINTS = 1024, ALM_CLOUD_NEIGHBOURS = 20, ALM_PAGES = 2, ALM_CLOUDS = 2 };

typedef struct alm_vision_config {
    int depth, width, heads,
        mlp_width; /* vision_config: depth, hidden_size, num_heads, intermediate_size */
    int channels, patch, temporal_patch; /* in_channels, patch_size, temporal_patch_size */
    int merge;                           /* spatial_merge_size */
    int grid_side;                       /* √num_position_embeddings */
    int deepstack_count;
    int deepstack_layer[ALM_MAX_DEEPSTACK]; /* deepstack_visual_indexes */
} alm_vision_config;

typedef struct alm_text_config {
    int width, mlp_width, layers;  /* hidden_size, intermediate_size, num_hidden_layers */
    int heads, kv_heads, head_dim; /* num_attention_heads, num_key_value_heads, head_dim */
    double norm_eps, rope_theta;   /* rms_norm_eps, rope_theta */
    int mrope_section[3];
    int embedding_rows; /* rows of embed_tokens in the state file */
} alm_text_config;

typedef struct alm_point_config {
    int features;   /* F: pc_feat_dim, a multiple of 4 */
    int patches;    /* P: num_patches */
    int patch_size; /* points a patch */
    int channels;   /* 21 in the release: from the shape of conv1 */
    int grid;       /* point_mrope.grid_size */
} alm_point_config;

typedef struct alm_bridge_config {
    int width, layers, heads, mlp_width; /* hidden_dim, num_layers, num_heads, ffn_dim */
    int bands;                           /* fourier_bands */
    double highest_frequency;            /* fourier_max_freq */
    double scale_reference, scale_clip;  /* scale_reference, scale_log_clip */
    int taps;                            /* min(deepstack_num_layers, layers) */
    int tap_layer[ALM_MAX_DEEPSTACK];    /* the layers whose outputs go to the language model,
                                            ascending */
} alm_bridge_config;

typedef struct alm_head_config {
    int width, blocks, outputs; /* hidden_dim, num_blocks, output_dim (9) */
} alm_head_config;

typedef struct alm_assemlm2_config {
    alm_vision_config vision;
    alm_text_config text;
    alm_point_config point;
    alm_bridge_config bridge;
    alm_head_config head;
    float pixel_mean[3], pixel_std[3]; /* image_mean, image_std */
} alm_assemlm2_config;

#endif
