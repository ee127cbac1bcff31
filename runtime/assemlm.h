/* libassemlm: from two manual pages, two point clouds and a category to the pose of the moving
 * part.
 *
 *     alm_engine *engine;      // weights, tokenizer, settings: immutable, shared by threads
 *     alm_session *session;    // graph, memory, thread pool: one thread at a time
 *     alm_engine_create(&(alm_engine_options){.model = "model"}, &engine);
 *     alm_session_create(engine, &session);
 *     alm_session_predict(session, &sample, &result);
 *
 * Functions return alm_status; alm_error_message() is one line about this thread's last failure
 * that names the thing, the value and the limit. Whoever creates destroys; destroy accepts NULL;
 * *out is written only on success. The library never prints, exits or aborts on input.
 */
#ifndef ALM_RUNTIME_ASSEMLM_H
#define ALM_RUNTIME_ASSEMLM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/core/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* "0.1.0"; and the commit that it was built from, "" when not known. Static storage. */
ALM_API const char *alm_version(void);
ALM_API const char *alm_version_commit(void);

/* ---- Engine and session
 * ---------------------------------------------------------------------------------------- */

typedef struct alm_engine alm_engine;
typedef struct alm_session alm_session;

typedef struct alm_engine_options {
    const char *model; /* the model folder */
    const char *base; /* the base model's folder; NULL: as config.yaml says, else base/ beside it */
    const char *device; /* "cpu", "cuda", "cuda:N"; "cuda:0,1" for lists over several; NULL or
                           "auto": the first GPU that can be used, else the CPU */
    const char *dtype;  /* arithmetic of matrix products: "f32", "bf16"; NULL or "auto": bf16 on a
                           GPU, f32 on the CPU */
} alm_engine_options;

/* Reads and checks the folder; weights are mapped, not copied. Errors: ALM_STATUS_MODEL, _DEVICE,
 * _MEMORY. */
ALM_API alm_status alm_engine_create(const alm_engine_options *options, alm_engine **out);
ALM_API void alm_engine_destroy(alm_engine *engine);

/* threads: 0 takes every core that the process may use. The engine must outlive the session. */
ALM_API alm_status alm_session_create(alm_engine *engine, int threads, alm_session **out);
ALM_API void alm_session_destroy(alm_session *session);

/* ---- One sample
 * --------------------------------------------------------------------------------------------------
 */

typedef enum alm_units { ALM_UNITS_M, ALM_UNITS_CM, ALM_UNITS_MM, ALM_UNITS_UNIT } alm_units;

/* A cloud from a file (NPY, PLY, XYZ; path) or from memory (xyz [count, 3], when path is NULL). */
typedef struct alm_cloud_source {
    const char *path;
    const float *xyz;
    int64_t count;
} alm_cloud_source;

/* A page from a file (PNG, JPEG, WebP; path) or from memory (rgb [height, width, 3], when path is
 * NULL). */
typedef struct alm_page_source {
    const char *path;
    const uint8_t *rgb;
    int width, height;
} alm_page_source;

/* Only read during the calls that take it. Zero-initialise: what is 0 or NULL has its default. */
typedef struct alm_sample {
    const char *id;          /* NULL: none */
    alm_cloud_source fixed;  /* the base, in the frame of the finished assembly */
    alm_cloud_source moving; /* the part to be placed, in any frame */
    alm_page_source page[2]; /* the base alone; the part in its place */
    const char *category;    /* UTF-8, plain text */
    size_t category_bytes;   /* 0: up to the NUL */
    alm_units units; /* of both clouds; the network gets metres (UNIT: the numbers as they are) */
    bool moving_is_centred; /* do not take its mean off */
} alm_sample;

enum { ALM_TIMINGS = 8, ALM_WARNINGS = 8, ALM_WARNING_TEXT = 192 };

typedef struct alm_result {
    /* The rigid transform of the moving cloud as given: p_fixed = R·p_moving + t. */
    double position[3];    /* t, in metres (UNIT: in the cloud's unit) */
    double orientation[4]; /* R as a quaternion x, y, z, w; w >= 0 */
    double matrix[16];     /* 4x4 row-major, on coordinates as given: its t is in the units of the
                              clouds */
    double center_subtracted[3]; /* mean taken off the moving cloud, in its units */
    /* The model's own numbers, in its own transposed convention: placed = Rᵀ·(x - center) +
     * translation. */
    double raw_translation[3], raw_rotation_6d[6], raw_rotation_matrix[9];
    int64_t fixed_points, moving_points, points_used; /* before and after the resampling */
    int tokens, tokens_used; /* of the prompt; rows that the language model computed */
    bool manual_reused; /* the pages are those of the sample before: their part was not computed
                           again */
    int warning_count;
    char warning[ALM_WARNINGS][ALM_WARNING_TEXT];
    int timing_count;
    struct {
        const char *stage; /* static storage: "read", "preprocess", "vision", "points", "language",
                              "head", ... */
        double ms;
    } timing[ALM_TIMINGS];
} alm_result;

/* Errors: ALM_STATUS_SAMPLE (alm_error_param(): "fixed", "moving", "manual", "category"), _MEMORY.
 * After an error the session goes on with the next sample. */
ALM_API alm_status alm_session_predict(alm_session *session, const alm_sample *sample,
                                       alm_result *result);

/* A session keeps what it computed for the last manual; a sample with the same pages starts there,
 * with the same bits as alone. This forgets it, for measurements. */
ALM_API void alm_session_forget_manual(alm_session *session);

/* The next prediction also writes every stage to this safetensors file (names: README, "Debugging a
 * model"). An existing file is refused unless force. NULL: no more. */
ALM_API alm_status alm_session_dump_next(alm_session *session, const char *path, bool force);

/* One JSON object without line end (the result line that README describes), owned by the caller:
 * alm_text_free. */
ALM_API alm_status alm_result_json(const alm_engine *engine, const alm_sample *sample,
                                   const alm_result *result, char **out);
/* The same for a sample that failed with `status`, from this thread's error text. */
ALM_API alm_status alm_failure_json(const char *id, alm_status status, char **out);
ALM_API void alm_text_free(char *text);

/* Draws both clouds before and after, two views, as PNG. An existing file is refused unless force.
 */
ALM_API alm_status alm_render(const alm_sample *sample, const alm_result *result, const char *path,
                              bool force);

/* ---- Many samples
 * ------------------------------------------------------------------------------------------------
 */

/* Takes text; returns 0 to go on. */
typedef int alm_write_fn(void *context, const char *text, size_t bytes);

typedef struct alm_list_options {
    bool centred;    /* default of "centred" */
    alm_units units; /* default of "units" */
    void (*progress)(void *context, int64_t done,
                     int64_t failed); /* NULL: none; after each sample */
    void *progress_context;
} alm_list_options;

/* Reads samples from a JSONL file ("-": stdin), one object a line: {"id", "fixed", "moving",
 * "manual": [BEFORE, AFTER], "category", "units", "centred"}; relative paths start at the list's
 * folder. Writes one result line a sample in the same order, ok:false for a bad one. Over several
 * devices `write` and `progress` are called in another thread, one call at a time. Returns ALM_OK,
 * ALM_STATUS_PARTIAL when some failed, ALM_STATUS_OUTPUT, ALM_STATUS_RESTART. */
ALM_API alm_status alm_session_predict_list(alm_session *session, const char *path,
                                            const alm_list_options *options, alm_write_fn *write,
                                            void *context);

/* ---- Looking inside
 * ---------------------------------------------------------------------------------------------- */

/* Nodes, kernels, offsets, peak and lower bound of the plan for two pages of the given size (0:
 * 576). */
ALM_API alm_status alm_inspect_plan(alm_session *session, int width, int height,
                                    alm_write_fn *write, void *context);
/* Work, floor and expected time of every node in bf16 on a GPU of this name ("h200", "h100",
 * "a100", "4090", "6000ada", "pro6000"), which need not be here. */
ALM_API alm_status alm_inspect_roofline(alm_session *session, const char *gpu, int width,
                                        int height, alm_write_fn *write, void *context);
/* Every tensor with name, shape, dtype, used or not, and the totals. */
ALM_API alm_status alm_inspect_model(const char *model, const char *base, alm_write_fn *write,
                                     void *context);
/* JSONL {"text": …, "plain": bool} in ("-": stdin), {"ids": […]} out. model or base may be NULL.
 * Returns ALM_STATUS_PARTIAL when a line was bad. */
ALM_API alm_status alm_inspect_tokens(const char *model, const char *base, const char *path,
                                      alm_write_fn *write, void *context);
/* Writes the tensors rgb, grid_thw and patch_bytes of a page to a safetensors file. */
ALM_API alm_status alm_inspect_image(const char *model, const char *base, const char *path,
                                     const char *out, bool force);
typedef struct alm_data_options {
    const char *sample; /* NULL: the whole file; a name as listed, or an object's key */
    const char *render; /* with sample: draws its pages and both clouds, in place, as PNG */
    bool force;         /* an existing picture is replaced */
    bool json;          /* one JSON object instead of text for people */
    void (*progress)(void *context, int64_t done, int64_t total, int64_t failed); /* or NULL */
    void *progress_context;
} alm_data_options;

/* An AssemBench file: counts, sizes, splits, categories, missing and abandoned names, bad samples
 * with their reasons (of each list the first 1,000); every sample is read. Or one sample. Returns
 * ALM_STATUS_PARTIAL when a sample is bad (all is written then), ALM_STATUS_SAMPLE when the file,
 * or the one sample that was named, cannot be read, ALM_STATUS_OUTPUT. */
ALM_API alm_status alm_inspect_data(const char *path, const alm_data_options *options,
                                    alm_write_fn *write, void *context);
/* What alm_engine_options.device can name here: the CPU, every GPU with its facts and, where it
 * cannot be used, the reason; the driver and the optional libraries. */
ALM_API alm_status alm_inspect_devices(alm_write_fn *write, void *context);
/* Every environment knob with its help and value. */
ALM_API alm_status alm_inspect_knobs(alm_write_fn *write, void *context);

typedef struct alm_bench_options {
    int warmup, repeats; /* repeats >= 1 */
    bool warm;  /* the manual is that of the run before; otherwise each run forgets it first */
    bool nodes; /* a table of the time of every node (median) */
    bool json;  /* JSON instead of Markdown */
} alm_bench_options;

/* Runs the sample again and again: median and spread of the whole, of the stages, of the nodes. */
ALM_API alm_status alm_session_bench(alm_session *session, const alm_sample *sample,
                                     const alm_bench_options *options, alm_write_fn *write,
                                     void *context);

/* ---- Random weights
 * ---------------------------------------------------------------------------------------------- */

typedef struct alm_synth_options {
    const char *preset; /* "tiny" or "release"; ignored with from */
    const char *from; /* folder whose config.yaml and base/ are copied; NULL: made for the preset */
    const char *to;   /* folder to be made */
    const char *container; /* "pt" (NULL) or "safetensors" */
    uint64_t seed;
    bool force;  /* an existing folder is replaced */
    int threads; /* 0: every core */
    void (*progress)(void *context, uint64_t done_bytes, uint64_t total_bytes); /* NULL: none */
    void *progress_context;
} alm_synth_options;

/* Writes a model folder whose weights follow the rule of README, "Random weights", bit for bit. */
ALM_API alm_status alm_synth_model(const alm_synth_options *options);

/* ---- Synthetic data
 * ---------------------------------------------------------------------------------------------- */

enum { ALM_SYNTH_MOST_SAMPLES = 100000000 };

typedef struct alm_synth_data_options {
    uint64_t samples; /* 1 ... ALM_SYNTH_MOST_SAMPLES */
    uint64_t seed;
    const char *to;    /* HDF5 file to be made */
    const char *style; /* of the pages: "freestyle", "lineart" or "both" (NULL) */
    bool force;        /* an existing file is replaced */
    int threads;       /* 0: every core; the file does not depend on it */
    void (*progress)(void *context, uint64_t done, uint64_t total); /* samples; NULL: none */
    void *progress_context;
} alm_synth_data_options;

/* Writes an AssemBench file of synthetic assemblies (README, "Synthetic data"): the same seed gives
 * the same values on every machine. Sample i depends on the seed and i only. Memory does not grow
 * with the number of samples. Errors: ALM_STATUS_USAGE (also in a build without HDF5), _OUTPUT,
 * _MEMORY; no file is left then. */
ALM_API alm_status alm_synth_data(const alm_synth_data_options *options);

/* ---- AssemBench
 * ---------------------------------------------------------------------------------------------- */

/* Zero-initialise: what is 0 or NULL has its default. */
typedef struct alm_eval_options {
    const char *data;     /* folder with assemlm_*.hdf5 */
    const char *datasets; /* names with commas between them, '+' joins; NULL: each file by itself */
    const char *splits;   /* "test" (NULL), "train", or both with a comma */
    const char *seeds;    /* "0-9,42"; NULL: "0" */
    const char *num_samples; /* [DATASET/][SPLIT:]N|all, with commas, or "protocol"; NULL: all */
    bool shuffle;
    const char *out;         /* folder of results; NULL: "results" */
    const char *timestamp;   /* YYYYMMDD_HHMMSS; NULL: now (UTC), with resume: the newest run's */
    const char *checkpoint;  /* what results call the model; NULL: its state file, or the file of
                                predictions */
    const char *config;      /* YAML file that results quote; NULL: the model's */
    const char *shard;       /* "I/N" or "auto"; NULL: all */
    bool resume;             /* go on with a run that was ended */
    int batch;               /* samples that are read, scored and journaled together; 0: 64 */
    int threads;             /* for scoring; 0: every core */
    const char *predictions; /* JSONL with poses, instead of a session */
    bool no_symmetry;        /* leave out the errors over a part's symmetries, 2 to 14 ms a part */
    const char *formats;     /* of reports: some of "json,csv,md,tex,html", or "none"; NULL: all */
    void (*progress)(void *context, int64_t done, int64_t total, int64_t failed); /* NULL: none */
    void (*note)(void *context, const char *text); /* lines for people; NULL: none */
    void *context;                                 /* of both */
} alm_eval_options;

/* Runs the AssemBench protocol with the session's model, or scores the predictions (session NULL).
 * Writes the run folder <out>/<checkpoint>/<timestamp>, every finished sample first to its journal.
 * Returns ALM_OK; ALM_STATUS_PARTIAL when samples or data sets could not be evaluated (each is in
 * the results with its reason); ALM_STATUS_USAGE, _SAMPLE (no data set can be read), _OUTPUT,
 * _MEMORY, _RESTART, after which `resume` goes on. */
ALM_API alm_status alm_eval(alm_session *session, const alm_eval_options *options);

/* Writes the samples as they are drawn (README, "Drawn samples") to a safetensors file; an existing
 * one is refused unless force. Of the options those up to `shuffle` count. */
ALM_API alm_status alm_eval_export_draws(const alm_eval_options *options, const char *path,
                                         bool force);

typedef struct alm_merge_options {
    const char *const *runs; /* run folders: shards of one run, or one with the results of others */
    int count;
    const char *out;     /* where to write; NULL: the first of them */
    const char *expect;  /* the seeds that must be there: "0-9"; NULL: the plan's, else 0-9 */
    bool strict;         /* nothing is written unless every sample is there exactly once */
    const char *formats; /* as above */
    const char *compare; /* a run folder to compare with, sample by sample; NULL: none */
    void (*note)(void *context, const char *text);
    void *context;
} alm_merge_options;

/* Joins the journals of a run's shards to its results, aggregates and reports; or makes the
 * aggregates of a folder with results only. Returns ALM_OK; ALM_STATUS_PARTIAL: samples failed or
 * are missing; ALM_STATUS_CHECK with strict, or else ALM_STATUS_USAGE: what does not belong
 * together; ALM_STATUS_OUTPUT. */
ALM_API alm_status alm_merge(const alm_merge_options *options);

#ifdef __cplusplus
}
#endif

#endif
