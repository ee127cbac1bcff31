#include "runtime/input/prompt.h"

#include <string.h>

#include "kernels/attention/attention.h"
#include "kernels/core/memory.h"
#include "kernels/token_embed/token_embed.h"
#include "runtime/input/utf8.h"

static const char *const point_tokens[] = {"<point>", "<point_start>", "<point_end>"};

void alm_prompt_extra_tokens(const alm_settings *settings, const char *tokens[ALM_EXTRA_TOKENS])
{
    for (int i = 0; i < 3; i++) {
        tokens[i] = point_tokens[i];
    }
    tokens[3] = settings->query_token;
}

/* ---- The tokens that frame a prompt ---------------------------------------------------------- */

typedef struct frame_ids {
    int32_t im_start, im_end, vision_start, vision_end, image_pad;
    int32_t point, point_start, point_end, query;
} frame_ids;

static alm_status find_id(const alm_tokenizer *tokenizer, const char *text, int32_t *id)
{
    *id = alm_tokenizer_added(tokenizer, text);
    if (*id < 0) {
        return alm_fail(ALM_STATUS_MODEL, "the tokenizer has no added token %s", text);
    }
    return ALM_OK;
}

static alm_status find_ids(const alm_settings *s, const alm_tokenizer *t, frame_ids *f)
{
    ALM_TRY(find_id(t, "<|im_start|>", &f->im_start));
    ALM_TRY(find_id(t, "<|im_end|>", &f->im_end));
    ALM_TRY(find_id(t, "<|vision_start|>", &f->vision_start));
    ALM_TRY(find_id(t, "<|vision_end|>", &f->vision_end));
    ALM_TRY(find_id(t, "<|image_pad|>", &f->image_pad));
    ALM_TRY(find_id(t, point_tokens[0], &f->point));
    ALM_TRY(find_id(t, point_tokens[1], &f->point_start));
    ALM_TRY(find_id(t, point_tokens[2], &f->point_end));
    ALM_TRY(find_id(t, s->query_token, &f->query));
    if (f->image_pad != s->image_token_id) {
        return alm_fail(ALM_STATUS_MODEL,
                        "config.json: image_token_id is %d, the tokenizer's <|image_pad|> is %d",
                        s->image_token_id, f->image_pad);
    }
    if (f->vision_start != s->vision_start_token_id) {
        return alm_fail(
            ALM_STATUS_MODEL,
            "config.json: vision_start_token_id is %d, the tokenizer's <|vision_start|> is %d",
            s->vision_start_token_id, f->vision_start);
    }
    if (f->query == f->point || f->query == f->image_pad) {
        return alm_fail(
            ALM_STATUS_MODEL,
            "config.yaml: framework.pose_regression.query_token is %s, expected a token "
            "of its own",
            s->query_token);
    }
    return ALM_OK;
}

alm_status alm_prompt_check(const alm_settings *settings, const alm_tokenizer *tokenizer)
{
    frame_ids ids;
    const alm_status status = find_ids(settings, tokenizer, &ids);
    return status == ALM_OK ? ALM_OK : alm_fail_param(status, "model");
}

/* ---- Building -------------------------------------------------------------------------------- */

/* The texts between those tokens, as ids. */
typedef struct texts {
    alm_ids user, newline, assistant, ask;
} texts;

static void free_texts(texts *t)
{
    alm_free(t->user.id);
    alm_free(t->newline.id);
    alm_free(t->assistant.id);
    alm_free(t->ask.id);
}

/* "\nAssemble the {category} object ", in which nothing but plain text is seen. */
static alm_status encode_ask(const alm_tokenizer *t, const char *category, size_t bytes,
                             alm_ids *ids)
{
    static const char before[] = "\nAssemble the ", after[] = " object ";
    enum { BEFORE = sizeof before - 1, AFTER = sizeof after - 1 };
    char *text;
    ALM_TRY(alm_alloc(BEFORE + bytes + AFTER, 1, "the instruction", &text));
    memcpy(text, before, BEFORE);
    if (bytes > 0) {
        memcpy(text + BEFORE, category, bytes);
    }
    memcpy(text + BEFORE + bytes, after, AFTER);
    const alm_status status = alm_tokenizer_encode(t, text, BEFORE + bytes + AFTER, false, ids);
    alm_free(text);
    return status;
}

static alm_status encode_texts(const alm_tokenizer *tokenizer, const char *category, size_t bytes,
                               texts *t)
{
    /* Added tokens are looked for in ours, as the reference does with the whole prompt. */
    ALM_TRY(alm_tokenizer_encode(tokenizer, "user\n", 5, true, &t->user));
    ALM_TRY(alm_tokenizer_encode(tokenizer, "\n", 1, true, &t->newline));
    ALM_TRY(alm_tokenizer_encode(tokenizer, "assistant\n", 10, true, &t->assistant));
    return encode_ask(tokenizer, category, bytes, &t->ask);
}

static alm_status check_category(const char *category, size_t bytes)
{
    enum { LIMIT = ALM_TEXT_LIMIT - 64 }; /* room for the words around it */
    if (bytes > LIMIT) {
        return alm_fail(ALM_STATUS_SAMPLE, "category: has %zu bytes, at most %d are allowed", bytes,
                        (int)LIMIT);
    }
    const size_t valid = alm_utf8_check(category, bytes);
    if (valid < bytes) {
        return alm_fail(ALM_STATUS_SAMPLE, "category: byte 0x%02X at offset %zu is not UTF-8",
                        (unsigned char)category[valid], valid);
    }
    const char *nul = bytes ? memchr(category, 0, bytes) : NULL;
    if (nul) {
        return alm_fail(ALM_STATUS_SAMPLE, "category: NUL at offset %zu", (size_t)(nul - category));
    }
    return ALM_OK;
}

/* Tokens of a page; both sides are multiples of merge. */
static int64_t page_tokens(const alm_settings *s, const alm_grid *grid)
{
    const int64_t merge = s->model.vision.merge;
    return (grid->rows / merge) * (grid->columns / merge);
}

static alm_status check_grids(const alm_settings *s, const alm_grid grid[ALM_PAGES])
{
    const int merge = s->model.vision.merge;
    for (int i = 0; i < ALM_PAGES; i++) {
        if (grid[i].rows <= 0 || grid[i].columns <= 0 || grid[i].rows % merge != 0 ||
            grid[i].columns % merge != 0) {
            return alm_fail(ALM_STATUS_INTERNAL,
                            "page %d has %d x %d patches, expected multiples "
                            "of %d",
                            i + 1, grid[i].rows, grid[i].columns, merge);
        }
    }
    return ALM_OK;
}

/* Too long: says what each input takes, and which one is to blame: the category when an empty one
 * would fit. */
static alm_status fail_too_long(const alm_settings *s, const alm_tokenizer *tokenizer,
                                const alm_grid grid[ALM_PAGES], int64_t count, size_t ask)
{
    alm_ids least = {NULL, 0, 0};
    ALM_TRY(encode_ask(tokenizer, NULL, 0, &least));
    const bool is_category = count - (int64_t)(ask - least.count) <= s->longest;
    alm_free(least.id);
    const alm_status status = alm_fail(
        ALM_STATUS_SAMPLE,
        "%s: the prompt has %lld tokens, at most %d are allowed (trainer.vlm_max_length): pages "
        "%lld and %lld, points %d, instruction with the category %zu",
        is_category ? "category" : "manual", (long long)count, s->longest,
        (long long)page_tokens(s, &grid[0]), (long long)page_tokens(s, &grid[1]),
        2 * s->point_tokens, ask);
    return alm_fail_param(status, is_category ? "category" : "manual");
}

/* A prompt that is being written, token by token. */
typedef struct writer {
    alm_prompt *prompt;
    int at;                 /* of the next token */
    int32_t step;           /* its position if it is text */
    int32_t images, points; /* rows so far */
} writer;

static void put(writer *w, int32_t id, alm_token_kind kind, int32_t row, alm_row_kind rule,
                const int32_t position[3])
{
    const size_t i = (size_t)w->at++;
    alm_prompt *p = w->prompt;
    p->ids[i] = id;
    p->source[2 * i] = kind;
    p->source[2 * i + 1] = row;
    p->rule[3 * i] = 0;
    p->rule[3 * i + 1] = (int32_t)i + 1;
    p->rule[3 * i + 2] = rule;
    memcpy(p->position + 3 * i, position, 3 * sizeof *position);
}

static void put_text(writer *w, int32_t id)
{
    const int32_t position[3] = {w->step, w->step, w->step};
    put(w, id, ALM_TOKEN_TEXT, id, ALM_ROW_PLAIN, position);
    w->step++;
}

static void put_texts(writer *w, const alm_ids *ids)
{
    for (size_t i = 0; i < ids->count; i++) {
        put_text(w, ids->id[i]);
    }
}

/* A page takes max(rows, columns) steps (qwen3vl.md 4). */
static void put_page(writer *w, const alm_settings *s, const frame_ids *f, const alm_grid *grid)
{
    const int32_t rows = grid->rows / s->model.vision.merge;
    const int32_t columns = grid->columns / s->model.vision.merge;
    put_text(w, f->vision_start);
    for (int32_t y = 0; y < rows; y++) {
        for (int32_t x = 0; x < columns; x++) {
            const int32_t position[3] = {w->step, w->step + y, w->step + x};
            put(w, f->image_pad, ALM_TOKEN_IMAGE, w->images++, ALM_ROW_PLAIN, position);
        }
    }
    w->step += rows > columns ? rows : columns;
    put_text(w, f->vision_end);
}

/* A cloud's tokens: equivariant ones, then as many invariant ones (assemlm2.md 3). */
static void put_cloud(writer *w, const alm_settings *s, const frame_ids *f)
{
    put_text(w, f->point_start);
    for (int i = 0; i < s->point_tokens; i++) {
        const int32_t position[3] = {w->step, w->step, w->step};
        put(w, f->point, ALM_TOKEN_POINT, w->points++,
            i < s->point_tokens / 2 ? ALM_ROW_EQUIVARIANT : ALM_ROW_INVARIANT, position);
        w->step++;
    }
    put_text(w, f->point_end);
}

static void write_prompt(writer *w, const alm_settings *s, const frame_ids *f, const texts *t,
                         const alm_grid grid[ALM_PAGES])
{
    put_text(w, f->im_start);
    put_texts(w, &t->user);
    for (int i = 0; i < ALM_PAGES; i++) {
        put_page(w, s, f, &grid[i]);
        put_texts(w, &t->newline);
    }
    put_cloud(w, s, f);
    put_texts(w, &t->newline);
    put_cloud(w, s, f);
    put_texts(w, &t->ask);
    put_text(w, f->query);
    put_text(w, f->im_end);
    put_texts(w, &t->newline);
    put_text(w, f->im_start);
    put_texts(w, &t->assistant);
}

static alm_status allocate(int count, alm_prompt **out)
{
    const size_t n = (size_t)count;
    alm_prompt *p;
    ALM_TRY(alm_calloc(1, sizeof *p, "the prompt", &p));
    p->count = count;
    alm_status status = alm_alloc(n, sizeof *p->ids, "the prompt", &p->ids);
    if (status == ALM_OK) {
        status = alm_alloc(n, 3 * sizeof *p->position, "the prompt", &p->position);
    }
    if (status == ALM_OK) {
        status = alm_alloc(n, 2 * sizeof *p->source, "the prompt", &p->source);
    }
    if (status == ALM_OK) {
        status = alm_alloc(n, 3 * sizeof *p->rule, "the prompt", &p->rule);
    }
    if (status != ALM_OK) {
        alm_prompt_free(p);
        return status;
    }
    *out = p;
    return ALM_OK;
}

static alm_status build(const alm_settings *s, const alm_tokenizer *tokenizer, const frame_ids *f,
                        const texts *t, const alm_grid grid[ALM_PAGES], alm_prompt **out)
{
    /* Single tokens: im_start, two a page, two a cloud; query, im_end, im_start. */
    enum { FRAME = 1 + 2 * ALM_PAGES + 2 * 2 + 3 };
    const int64_t count =
        FRAME + page_tokens(s, &grid[0]) + page_tokens(s, &grid[1]) + 2 * (int64_t)s->point_tokens +
        (int64_t)(t->user.count + 4 * t->newline.count + t->assistant.count + t->ask.count);
    if (count > s->longest) {
        return fail_too_long(s, tokenizer, grid, count, t->ask.count);
    }
    alm_prompt *p;
    ALM_TRY(allocate((int)count, &p));
    writer w = {.prompt = p};
    write_prompt(&w, s, f, t, grid);
    if (w.at != p->count) {
        alm_prompt_free(p);
        return alm_fail(ALM_STATUS_INTERNAL, "the prompt has %d tokens, expected %lld", w.at,
                        (long long)count);
    }
    p->used = p->count;
    while (p->ids[p->used - 1] != f->query) {
        p->used--;
    }
    *out = p;
    return ALM_OK;
}

alm_status alm_prompt_build(const alm_settings *settings, const alm_tokenizer *tokenizer,
                            const alm_grid grid[ALM_PAGES], const char *category, size_t bytes,
                            alm_prompt **out)
{
    frame_ids f;
    texts t = {.ask = {NULL, 0, 0}};
    alm_status status = check_category(category, bytes);
    if (status != ALM_OK) {
        return alm_fail_param(status, "category");
    }
    ALM_TRY(check_grids(settings, grid));
    status = find_ids(settings, tokenizer, &f);
    if (status != ALM_OK) {
        return alm_fail_param(status, "model");
    }
    status = encode_texts(tokenizer, category, bytes, &t);
    if (status == ALM_OK) {
        status = build(settings, tokenizer, &f, &t, grid, out);
    } else if (status == ALM_STATUS_SAMPLE) {
        status = alm_fail_param(alm_fail_context(status, "category"), "category");
    }
    free_texts(&t);
    return status;
}

void alm_prompt_free(alm_prompt *prompt)
{
    if (prompt) {
        alm_free(prompt->ids);
        alm_free(prompt->position);
        alm_free(prompt->source);
        alm_free(prompt->rule);
        alm_free(prompt);
    }
}

void alm_prompt_allowed(const alm_prompt *prompt, uint8_t *allowed)
{
    const int n = prompt->count;
    for (int i = 0; i < n; i++) {
        const int32_t *query = prompt->rule + 3 * (size_t)i;
        for (int j = 0; j < n; j++) {
            const int32_t kind = prompt->rule[3 * (size_t)j + 2];
            const bool reach = (j >= query[0] && j < query[1]) ||
                               (query[2] != ALM_ROW_PLAIN && kind != ALM_ROW_PLAIN);
            const bool hidden = query[2] == ALM_ROW_INVARIANT && kind == ALM_ROW_EQUIVARIANT;
            allowed[(size_t)i * (size_t)n + (size_t)j] = reach && !hidden;
        }
    }
}
