/* safetensors files and the index of sharded ones (qwen3vl.md 7).
 *
 * A file is 8 bytes n, a JSON header of n bytes, and the values. It is read as bytes that lie in
 * memory (a mapped file); tensors are views. Refused, by name: a header that is empty, longer than
 * ALM_SAFETENSORS_HEADER or than the file, not JSON, nested, with a key twice or of other fields;
 * types that are not known; shapes whose product does not fit; ranges that are not the shape's
 * size, that overlap, leave a hole, or do not end where the file ends. What is accepted has
 * disjoint ranges that cover the values completely.
 */
#ifndef ALM_RUNTIME_INPUT_SAFETENSORS_H
#define ALM_RUNTIME_INPUT_SAFETENSORS_H

#include "runtime/input/tensor_list.h"

/* Longest header or index in bytes. The format allows 100 MB; the release's header has 76 kB, and
 * refusing a hostile one must not take more than 64 MiB of memory. */
enum { ALM_SAFETENSORS_HEADER = 16 << 20 };

/* Appends the tensors of one file, sorted by name. On error the list may hold some of them.
 * name: of the file, for messages. Errors: ALM_STATUS_MODEL, ALM_STATUS_MEMORY. */
alm_status alm_safetensors_parse(const void *data, size_t bytes, const char *name,
                                 alm_tensor_list *list);

/* Where an index puts a tensor. */
typedef struct alm_shard_place {
    char *tensor; /* without "module." */
    size_t file;  /* index into alm_shard_index.file */
    bool found;   /* for the reader's use */
} alm_shard_place;

typedef struct alm_shard_index {
    alm_shard_place *place; /* [places], sorted by tensor */
    size_t places;
    char **file; /* [files], sorted; plain file names */
    size_t files;
} alm_shard_index;

/* model.safetensors.index.json. Refused besides what a header is refused for: shards whose name is
 * no plain file name ("../x", "/x"), an empty weight_map, a tensor twice. */
alm_status alm_shard_index_parse(const void *data, size_t bytes, const char *name,
                                 alm_shard_index *out);
void alm_shard_index_free(alm_shard_index *index); /* resets it */

/* NULL when the index does not hold it. */
alm_shard_place *alm_shard_index_find(const alm_shard_index *index, const char *tensor);

#endif
