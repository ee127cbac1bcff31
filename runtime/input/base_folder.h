/* Where the base model's folder is: --base, what config.yaml says, a name in the Hugging Face
 * cache, base/ beside config.yaml. Nothing is downloaded: the text of the error holds the `hf
 * download` line.
 */
#ifndef ALM_RUNTIME_INPUT_BASE_FOLDER_H
#define ALM_RUNTIME_INPUT_BASE_FOLDER_H

#include "kernels/core/status.h"

/* folder: the model folder. option: value of --base or NULL. entry: framework.vlm.base_vlm as it
 * stands in config.yaml, or NULL; ${oc.env:NAME} and ${oc.env:NAME,default} in it are filled in,
 * and other ${...} refused. Order: option; else the entry as a path, as a path below the model
 * folder, as a name in the cache; else folder/base. *out is owned by the caller. Errors:
 * ALM_STATUS_MODEL with all that was tried, ALM_STATUS_MEMORY. */
alm_status alm_base_folder_find(const char *folder, const char *option, const char *entry,
                                char **out);

/* The newest snapshot of "owner/name" in the Hugging Face cache (HF_HUB_CACHE, HF_HOME,
 * XDG_CACHE_HOME, HOME), owned by the caller; NULL when it is not there or when the text is no such
 * name. */
alm_status alm_hub_folder(const char *name, char **out);

#endif
