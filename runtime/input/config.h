/* The settings of a model folder: config.yaml (OmegaConf) and the base model's config.json and
 * preprocessor_config.json, checked key by key (assemlm2.md 8, qwen3vl.md 0.2).
 *
 * Refused, by name of file and key: what is missing, of the wrong type, out of range or
 * inconsistent, and every switch that has another value than the one that the specification
 * describes.
 */
#ifndef ALM_RUNTIME_INPUT_CONFIG_H
#define ALM_RUNTIME_INPUT_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "graph/models/config.h"
#include "runtime/input/state.h"

typedef struct alm_settings {
    alm_assemlm2_config
        model;         /* text.embedding_rows and point.channels are set by alm_settings_fit */
    char *base;        /* the base folder that was found */
    char *query_token; /* "<pose_query>" */
    int point_tokens;  /* L = 2·patches: <point> tokens of one cloud */
    int longest;       /* trainer.vlm_max_length */
    int image_token_id, vision_start_token_id;
    int64_t area_min, area_max; /* size.shortest_edge, size.longest_edge: areas in pixels */
    /* Sizes of the point_projector, which is in the checkpoint but unused; 0 where the folder does
     * not tell. */
    int projector_in, projector_hidden[2], projector_out;
} alm_settings;

/* folder: holds config.yaml. base_option: value of --base or NULL. The base folder is --base, else
 * what framework.vlm.base_vlm says when ${oc.env:NAME} or ${oc.env:NAME,default} in it is filled in
 * and that is a folder (relative to the model folder too), else base/ beside config.yaml. Error:
 * ALM_STATUS_MODEL. */
alm_status alm_settings_read(const char *folder, const char *base_option, alm_settings **out);
void alm_settings_free(alm_settings *settings);

/* Finds only the base folder's image and token settings: for `inspect tokens|image --base`. The
 * model's other sizes stay 0. */
alm_status alm_settings_read_base(const char *base, alm_settings **out);

/* The same as alm_settings_read from the texts of config.yaml, preprocessor_config.json and
 * config.json; base is "". */
typedef struct alm_settings_text {
    const char *text;
    size_t bytes;
} alm_settings_text;
alm_status alm_settings_read_texts(const alm_settings_text *config,
                                   const alm_settings_text *processor,
                                   const alm_settings_text *base, alm_settings **out);

/* What only tensor shapes tell (embedding rows, channels of the point encoder), after checking
 * every tensor of the state against the sizes: missing, unexpected and misshapen ones are refused
 * by name (assemlm2.md 6). tokens: least number of embedding rows (size of the tokenizer). */
alm_status alm_settings_fit(alm_settings *settings, const alm_state *state, int tokens);

/* One tensor that the model reads (used), or that a checkpoint may hold besides. */
typedef struct alm_tensor_spec {
    char name[128];
    int rank;
    int64_t dim[5];
    int used;
} alm_tensor_spec;

/* Calls visit for every tensor of the released layout with these sizes, in state-dict order: vision
 * tower, language model, lm_head, point encoder, projector, bridge, head. embedding_rows and
 * point.channels must be set. Stops at the first status that is not ALM_OK and returns it. */
alm_status alm_tensor_specs(const alm_settings *settings,
                            alm_status (*visit)(void *context, const alm_tensor_spec *spec),
                            void *context);

#endif
