/* The settings that a results file repeats (eval_config.h). */
#include "runtime/eval/eval_config.h"

#include <stdio.h>
#include <string.h>

#include "kernels/core/memory.h"
#include "runtime/input/text_file.h"
#include "runtime/input/yaml.h"

enum { CONFIG_LIMIT = 16 << 20 };

alm_status alm_eval_config_load(const char *path, alm_tree *out)
{
    char *text;
    size_t bytes;
    *out = (alm_tree){.file = path};
    ALM_TRY(alm_text_file_read(path, CONFIG_LIMIT, &text, &bytes));
    alm_status status = alm_yaml_tree(text, bytes, out);
    alm_free(text);
    if (status == ALM_OK && out->node[0].kind != ALM_TREE_MAP) {
        status = alm_fail(ALM_STATUS_MODEL, "%s: holds no map of settings", path);
    }
    return status;
}

/* The map `name` below `parent`, made when it is missing. */
static alm_status map_at(alm_tree *config, const char *path, int parent, const char *name,
                         int *node)
{
    *node = alm_tree_find(config, path);
    if (*node < 0) {
        return alm_tree_add(config, parent, name, name ? strlen(name) : 0, ALM_TREE_MAP, NULL, 0,
                            node);
    }
    if (config->node[*node].kind != ALM_TREE_MAP) {
        return alm_fail(ALM_STATUS_MODEL, "%s: %s is no map",
                        config->file ? config->file : "config", *path ? path : "the file");
    }
    return ALM_OK;
}

alm_status alm_eval_config_mix(alm_tree *config, const char *mix)
{
    static const char *const names[] = {"train_mix", "test_mix"};
    int root, datasets, data, node;
    ALM_TRY(map_at(config, "", -1, NULL, &root));
    ALM_TRY(map_at(config, "datasets", root, "datasets", &datasets));
    ALM_TRY(map_at(config, "datasets.assemble_data", datasets, "assemble_data", &data));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[64];
        snprintf(path, sizeof path, "datasets.assemble_data.%s", names[i]);
        node = alm_tree_find(config, path);
        if (node >= 0) {
            ALM_TRY(alm_tree_set_text(config, node, mix));
        } else {
            ALM_TRY(alm_tree_add(config, data, names[i], strlen(names[i]), ALM_TREE_TEXT, mix,
                                 strlen(mix), &node));
        }
    }
    return ALM_OK;
}
