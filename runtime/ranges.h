/* Stretches of a thread's time with a name, for profilers: NVTX ranges of the domain "assemlm"
 * (cuda/nvtx.c). They cost next to nothing where no profiler looks on, and are empty functions in
 * builds without the toolkit.
 */
#ifndef ALM_RUNTIME_RANGES_H
#define ALM_RUNTIME_RANGES_H

/* A scope of this thread; scopes nest. category: "io", "preprocess", "tokenize", "comm", a stage of
 * the model (stages.h), or "run" for what holds several of them. */
void alm_range_begin(const char *category, const char *name);
void alm_range_end(void);

#endif
