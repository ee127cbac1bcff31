#include "runtime/input/base_folder.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernels/core/env.h"
#include "kernels/core/memory.h"
#include "runtime/input/text_file.h"

static const char default_name[] = "Qwen/Qwen3-VL-2B-Instruct";

/* ---- The Hugging Face cache ---------------------------------------------------------------- */

/* "owner/name": letters, digits, '.', '-', '_', one slash, nothing that starts with a dot. */
static bool is_hub_name(const char *name)
{
    const char *slash = strchr(name, '/');
    const size_t bytes = strlen(name);
    if (!slash || slash == name || slash[1] == '\0' || bytes > 200 || name[0] == '.' ||
        slash[1] == '.') {
        return false;
    }
    return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/") ==
               bytes &&
           strchr(slash + 1, '/') == NULL;
}

/* *out = a formatted text, owned by the caller. */
static alm_status format_text(char **out, const char *format, ...)
{
    va_list args;
    char *text;
    va_start(args, format);
    const int bytes = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (bytes < 0) {
        return alm_fail(ALM_STATUS_INTERNAL, "a text could not be formatted");
    }
    ALM_TRY(alm_alloc((size_t)bytes + 1, 1, "a path", &text));
    va_start(args, format);
    vsnprintf(text, (size_t)bytes + 1, format, args);
    va_end(args);
    *out = text;
    return ALM_OK;
}

/* The folder that holds models--owner--name. NULL when no variable tells. */
static alm_status cache_folder(char **out)
{
    const char *direct = alm_env_get("HF_HUB_CACHE");
    const char *home = alm_env_get("HF_HOME");
    const char *cache = alm_env_get("XDG_CACHE_HOME");
    const char *user = alm_env_get("HOME");
    *out = NULL;
    if (direct) {
        return alm_strdup(direct, "a path", out);
    }
    if (home) {
        return alm_path_join(home, "hub", out);
    }
    if (cache) {
        return alm_path_join(cache, "huggingface/hub", out);
    }
    return user ? alm_path_join(user, ".cache/huggingface/hub", out) : ALM_OK;
}

/* refs/main holds the hexadecimal name of the snapshot. */
static alm_status read_snapshot(const char *model, char **out)
{
    enum { COMMIT = 40, LIMIT = 256 };
    char *ref, *text;
    size_t bytes;
    ALM_TRY(alm_path_join(model, "refs/main", &ref));
    alm_status status = ALM_OK;
    *out = NULL;
    if (alm_is_file(ref)) {
        status = alm_text_file_read(ref, LIMIT, &text, &bytes);
        if (status == ALM_OK) {
            const size_t digits = strspn(text, "0123456789abcdef");
            if (digits == COMMIT && text[digits + strspn(text + digits, " \r\n")] == '\0') {
                status = format_text(out, "%s/snapshots/%.*s", model, (int)digits, text);
            }
            alm_free(text);
        }
    }
    alm_free(ref);
    return status;
}

alm_status alm_hub_folder(const char *name, char **out)
{
    char *cache, *model = NULL, *snapshot = NULL;
    if (!is_hub_name(name)) {
        *out = NULL;
        return ALM_OK;
    }
    ALM_TRY(cache_folder(&cache));
    if (!cache) {
        *out = NULL;
        return ALM_OK;
    }
    const char *slash = strchr(name, '/');
    alm_status status =
        format_text(&model, "%s/models--%.*s--%s", cache, (int)(slash - name), name, slash + 1);
    if (status == ALM_OK) {
        status = read_snapshot(model, &snapshot);
    }
    if (snapshot && !alm_is_folder(snapshot)) {
        alm_free(snapshot);
        snapshot = NULL;
    }
    alm_free(cache);
    alm_free(model);
    if (status == ALM_OK) {
        *out = snapshot;
    }
    return status;
}

/* ---- ${oc.env:NAME,default} ------------------------------------------------------------------ */

typedef struct filled {
    char text[4096];
    size_t bytes;
    bool unset;     /* a variable without a default is not set */
    char name[128]; /* that variable */
} filled;

static alm_status append(filled *f, const char *text, size_t bytes)
{
    if (bytes >= sizeof f->text - f->bytes) {
        return alm_fail(ALM_STATUS_MODEL,
                        "config.yaml: framework.vlm.base_vlm is longer than %zu bytes",
                        sizeof f->text - 1);
    }
    memcpy(f->text + f->bytes, text, bytes);
    f->bytes += bytes;
    f->text[f->bytes] = '\0';
    return ALM_OK;
}

static void trim(const char **text, size_t *bytes)
{
    while (*bytes > 0 && **text == ' ') {
        ++*text;
        --*bytes;
    }
    while (*bytes > 0 && (*text)[*bytes - 1] == ' ') {
        --*bytes;
    }
}

/* What stands between "${oc.env:" and "}". */
static alm_status fill_variable(filled *f, const char *inside, size_t bytes)
{
    const char *comma = memchr(inside, ',', bytes);
    const char *name = inside;
    size_t n_name = comma ? (size_t)(comma - inside) : bytes;
    trim(&name, &n_name);
    char variable[sizeof f->name];
    if (n_name == 0 || n_name >= sizeof variable) {
        return alm_fail(ALM_STATUS_MODEL,
                        "config.yaml: framework.vlm.base_vlm: ${oc.env:%.*s} names no variable",
                        bytes > 80 ? 80 : (int)bytes, inside);
    }
    memcpy(variable, name, n_name);
    variable[n_name] = '\0';
    const char *value = alm_env_get(variable);
    if (value) {
        return append(f, value, strlen(value));
    }
    if (comma) {
        const char *text = comma + 1;
        size_t n_text = bytes - (size_t)(text - inside);
        trim(&text, &n_text);
        if (n_text >= 2 && (*text == '\'' || *text == '"') && text[n_text - 1] == *text) {
            return append(f, text + 1, n_text - 2);
        }
        if (n_text != 4 || memcmp(text, "null", 4) != 0) {
            return append(f, text, n_text);
        }
    }
    f->unset = true;
    memcpy(f->name, variable, n_name + 1);
    return ALM_OK;
}

static alm_status fill(const char *entry, filled *f)
{
    static const char start[] = "${oc.env:";
    while (*entry) {
        const char *dollar = strstr(entry, "${");
        ALM_TRY(append(f, entry, dollar ? (size_t)(dollar - entry) : strlen(entry)));
        if (!dollar) {
            return ALM_OK;
        }
        const char *inside = dollar + sizeof start - 1;
        const bool known = strncmp(dollar, start, sizeof start - 1) == 0;
        const char *close = known ? strchr(inside, '}') : NULL;
        const char *nested = known ? strstr(inside, "${") : NULL;
        if (!close || (nested && nested < close)) {
            return alm_fail(ALM_STATUS_MODEL,
                            "config.yaml: framework.vlm.base_vlm: %.80s is not known; only "
                            "${oc.env:NAME} and ${oc.env:NAME,default} are",
                            dollar);
        }
        ALM_TRY(fill_variable(f, inside, (size_t)(close - inside)));
        entry = close + 1;
    }
    return ALM_OK;
}

/* ---- The search ------------------------------------------------------------------------------ */

/* The folder that a text means, or *out = NULL. below: another place to look from, or NULL. */
static alm_status resolve(const char *text, const char *below, char **out)
{
    *out = NULL;
    if (alm_is_folder(text)) {
        return alm_strdup(text, "a path", out);
    }
    if (below && text[0] != '/') {
        char *path;
        ALM_TRY(alm_path_join(below, text, &path));
        if (alm_is_folder(path)) {
            *out = path;
            return ALM_OK;
        }
        alm_free(path);
    }
    return alm_hub_folder(text, out);
}

static alm_status fail_not_found(const char *folder, const char *entry, const filled *f)
{
    char told[400];
    const char *name = f && is_hub_name(f->text) ? f->text : default_name;
    if (!f) {
        snprintf(told, sizeof told, "config.yaml names none");
    } else if (f->unset) {
        snprintf(told, sizeof told, "base_vlm %.120s: %s is not set", entry, f->name);
    } else {
        snprintf(told, sizeof told, "base_vlm %.300s: no such folder", f->text);
    }
    return alm_fail(ALM_STATUS_MODEL,
                    "base model not found: no --base, %s, no folder %.200s/base; get it with: hf "
                    "download %s --local-dir %.200s/base --exclude '*.safetensors'",
                    told, folder, name, folder);
}

static alm_status find_told(const char *folder, const char *entry, filled *f, char **out)
{
    ALM_TRY(fill(entry, f));
    if (f->unset || f->text[0] == '\0') {
        *out = NULL;
        return ALM_OK;
    }
    return resolve(f->text, folder, out);
}

alm_status alm_base_folder_find(const char *folder, const char *option, const char *entry,
                                char **out)
{
    char *found = NULL;
    filled f = {.bytes = 0};
    if (option) {
        ALM_TRY(resolve(option, NULL, &found));
        if (!found) {
            return alm_fail(ALM_STATUS_MODEL,
                            "--base %.300s: no such folder; get the base model with: hf download "
                            "%s --local-dir %.300s --exclude '*.safetensors'",
                            option, is_hub_name(option) ? option : default_name, option);
        }
        *out = found;
        return ALM_OK;
    }
    if (entry) {
        ALM_TRY(find_told(folder, entry, &f, &found));
    }
    if (!found) {
        ALM_TRY(alm_path_join(folder, "base", &found));
        if (!alm_is_folder(found)) {
            alm_free(found);
            return fail_not_found(folder, entry, entry ? &f : NULL);
        }
    }
    *out = found;
    return ALM_OK;
}
