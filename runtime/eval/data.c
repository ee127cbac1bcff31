#include "runtime/eval/data.h"

#include <string.h>
#include <zlib.h>

#include "kernels/core/memory.h"
#include "runtime/output/buffer.h"
#include "runtime/output/file_write.h"

static alm_status open_file(const alm_data_file *about, char *const *split, int splits,
                            alm_eval_file *out)
{
    alm_status status = alm_dataset_open(about->path, about->lineart_first, NULL, &out->open);
    for (int s = 0; s < splits && status == ALM_OK; s++) {
        status = alm_dataset_split_read(out->open, split[s], &out->split[s]);
    }
    if (status != ALM_OK && status != ALM_STATUS_MEMORY) {
        alm_dataset_close(out->open);
        out->open = NULL;
        status = alm_strdup(alm_error_message(), "a message", &out->fault);
    }
    return status;
}

alm_status alm_eval_data_open(const char *folder, const char *datasets, char *const *split,
                              int splits, alm_eval_data *out)
{
    alm_eval_data data = {.splits = splits};
    alm_status status = alm_data_folder_open(folder, &data.folder);
    if (status == ALM_OK) {
        status = alm_data_names(&data.folder, datasets, &data.name, &data.names);
    }
    if (status == ALM_OK) {
        status = alm_calloc((size_t)data.folder.count, sizeof *data.file, "files", &data.file);
    }
    for (int d = 0; d < data.names; d++) {
        for (int i = 0; i < data.name[d].files && status == ALM_OK; i++) {
            const int f = data.name[d].file[i];
            if (!data.file[f].open && !data.file[f].fault) {
                status = open_file(&data.folder.file[f], split, splits, &data.file[f]);
            }
        }
    }
    if (status != ALM_OK) {
        alm_eval_data_close(&data);
        return status;
    }
    *out = data;
    return ALM_OK;
}

void alm_eval_data_close(alm_eval_data *data)
{
    for (int f = 0; data->file && f < data->folder.count; f++) {
        alm_dataset_close(data->file[f].open);
        alm_free(data->file[f].fault);
        for (int s = 0; s < data->splits; s++) {
            alm_dataset_split_free(&data->file[f].split[s]);
        }
    }
    alm_free(data->file);
    alm_data_names_free(data->name, data->names);
    alm_data_folder_close(&data->folder);
    *data = (alm_eval_data){0};
}

const char *alm_eval_data_fault(const alm_eval_data *data, int dataset)
{
    const alm_data_name *name = &data->name[dataset];
    for (int i = 0; i < name->files; i++) {
        if (data->file[name->file[i]].fault) {
            return data->file[name->file[i]].fault;
        }
    }
    return NULL;
}

int64_t alm_eval_data_total(const alm_eval_data *data, int dataset, int split)
{
    const alm_data_name *name = &data->name[dataset];
    int64_t total = 0;
    for (int i = 0; i < name->files; i++) {
        total += data->file[name->file[i]].split[split].count;
    }
    return total;
}

void alm_eval_data_locate(const alm_eval_data *data, int dataset, int split, int64_t idx, int *file,
                          int64_t *local)
{
    const alm_data_name *name = &data->name[dataset];
    int i = 0;
    while (i + 1 < name->files && idx >= data->file[name->file[i]].split[split].count) {
        idx -= data->file[name->file[i]].split[split].count;
        i++;
    }
    *file = name->file[i];
    *local = idx;
}

const char *alm_eval_data_key(void *context, int dataset, int split, int64_t idx)
{
    const alm_eval_data *data = context;
    int file;
    int64_t local;
    alm_eval_data_locate(data, dataset, split, idx, &file, &local);
    return alm_names_at(&data->file[file].split[split].keys, local);
}

static alm_status list_split(alm_eval_data *data, int dataset, int split, alm_file_write *file,
                             alm_buffer *line, uint32_t *sum)
{
    const int64_t total = alm_eval_data_total(data, dataset, split);
    for (int64_t i = 0; i < total; i++) {
        const char *key = alm_eval_data_key(data, dataset, split, i);
        line->count = 0;
        alm_buffer_json(line, key, strlen(key));
        alm_buffer_text(line, "\n");
        ALM_TRY(line->status);
        *sum = (uint32_t)crc32_z(*sum, line->data, line->count);
        if (file) {
            ALM_TRY(alm_file_write_add(file, line->data, line->count));
        }
    }
    return ALM_OK;
}

alm_status alm_eval_data_list(alm_eval_data *data, const char *path, uint32_t *sum)
{
    alm_file_write *file = NULL;
    alm_buffer line = {0};
    uint32_t crc = 0;
    alm_status status = path ? alm_file_write_begin(path, &file) : ALM_OK;
    for (int d = 0; d < data->names; d++) {
        for (int s = 0; s < data->splits && status == ALM_OK; s++) {
            if (!alm_eval_data_fault(data, d)) {
                status = list_split(data, d, s, file, &line, &crc);
            }
        }
    }
    if (status == ALM_OK && file) {
        status = alm_file_write_commit(file);
    }
    alm_file_write_end(file);
    alm_buffer_free(&line);
    if (status == ALM_OK) {
        *sum = crc;
    }
    return status;
}
