/* Names of assets, as the reference decodes them (assembench.md 1): bytes to UTF-8, name to key,
 * key to category. */
#ifndef ALM_RUNTIME_INPUT_ASSET_NAME_H
#define ALM_RUNTIME_INPUT_ASSET_NAME_H

#include <stddef.h>

/* Decodes in place: bytes that are not UTF-8 are dropped, then NUL, space, tab, CR and LF at both
 * ends. *text is moved to the first byte that stays; returns how many do. */
size_t alm_asset_decode(char **text, size_t bytes);

/* Takes what Unicode calls white space off both ends; the text is UTF-8. */
size_t alm_asset_strip(const char **text, size_t bytes);

/* The key of a name: "/" becomes "_". In place. */
void alm_asset_key(char *name, size_t bytes);

/* Bytes of the key that stand for the category when none is stored: those before the last "_"; all
 * when there is none. */
size_t alm_asset_family(const char *key, size_t bytes);

/* What an empty category is called. */
#define ALM_ASSET_UNLABELED "Unlabeled"

#endif
