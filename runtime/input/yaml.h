/* YAML as OmegaConf writes it, read with libyaml's events into an alm_tree.
 *
 * Plain scalars are null, true/false (yes/no, on/off), decimal whole numbers, decimal numbers with
 * a point or exponent, else text; quoted ones are text. Refused, with the line: what libyaml
 * refuses, anchors, aliases and merge keys (a few lines of them stand for gigabytes), tags, keys
 * that are not scalars, several documents, and what tree.h refuses.
 */
#ifndef ALM_RUNTIME_INPUT_YAML_H
#define ALM_RUNTIME_INPUT_YAML_H

#include "runtime/input/tree.h"

/* tree->file must be set; alm_tree_clear the tree in any case. */
alm_status alm_yaml_tree(const char *text, size_t bytes, alm_tree *tree);

#endif
