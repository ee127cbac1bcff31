/* Sizes of models for tests that make graphs without a file. */
#ifndef ALM_TESTS_GRAPH_CONFIGS_H
#define ALM_TESTS_GRAPH_CONFIGS_H

#include "graph/models/assemlm2.h"

/* The released sizes (assemlm2.md, qwen3vl.md). */
static inline alm_assemlm2_config alm_test_release_config(void)
{
    return (alm_assemlm2_config){
        .vision = {.depth = 24,
                   .width = 1024,
                   .heads = 16,
                   .mlp_width = 4096,
                   .channels = 3,
                   .patch = 16,
                   .temporal_patch = 2,
                   .merge = 2,
                   .grid_side = 48,
                   .deepstack_count = 3,
                   .deepstack_layer = {5, 11, 17}},
        .text = {.width = 2048,
                 .mlp_width = 6144,
                 .layers = 28,
                 .heads = 16,
                 .kv_heads = 8,
                 .head_dim = 128,
                 .norm_eps = 1e-6,
                 .rope_theta = 5e6,
                 .mrope_section = {24, 20, 20},
                 .embedding_rows = 151673},
        .point = {.features = 512, .patches = 128, .patch_size = 4, .channels = 21, .grid = 64},
        .bridge = {.width = 1024,
                   .layers = 4,
                   .heads = 8,
                   .mlp_width = 4096,
                   .bands = 6,
                   .highest_frequency = 10,
                   .scale_reference = 1,
                   .scale_clip = 10,
                   .taps = 3,
                   .tap_layer = {0, 1, 2}},
        .head = {.width = 4096, .blocks = 2, .outputs = 9},
        .pixel_mean = {0.5f, 0.5f, 0.5f},
        .pixel_std = {0.5f, 0.5f, 0.5f},
    };
}

/* One block of everything, and two layers of the language model: the last one is special. */
static inline alm_assemlm2_config alm_test_small_config(void)
{
    return (alm_assemlm2_config){
        .vision = {.depth = 1,
                   .width = 32,
                   .heads = 2,
                   .mlp_width = 64,
                   .channels = 3,
                   .patch = 4,
                   .temporal_patch = 2,
                   .merge = 2,
                   .grid_side = 8,
                   .deepstack_count = 1,
                   .deepstack_layer = {0}},
        .text = {.width = 48,
                 .mlp_width = 96,
                 .layers = 2,
                 .heads = 4,
                 .kv_heads = 2,
                 .head_dim = 16,
                 .norm_eps = 1e-6,
                 .rope_theta = 5e6,
                 .mrope_section = {3, 3, 2},
                 .embedding_rows = 100},
        .point = {.features = 16, .patches = 8, .patch_size = 4, .channels = 5, .grid = 64},
        .bridge = {.width = 32,
                   .layers = 1,
                   .heads = 2,
                   .mlp_width = 64,
                   .bands = 6,
                   .highest_frequency = 10,
                   .scale_reference = 1,
                   .scale_clip = 10,
                   .taps = 1,
                   .tap_layer = {0}},
        .head = {.width = 64, .blocks = 1, .outputs = 9},
        .pixel_mean = {0.5f, 0.5f, 0.5f},
        .pixel_std = {0.5f, 0.5f, 0.5f},
    };
}

#endif
