/* What the files of the results reader share. */
#ifndef ALM_RUNTIME_EVAL_RESULTS_PARTS_H
#define ALM_RUNTIME_EVAL_RESULTS_PARTS_H

#include "runtime/eval/results_read.h"
#include "runtime/input/json.h"

/* The key's number, -1: not known. guess: where to look first; files keep to one order. */
int almi_key_find(const char *const *names, int count, const char *key, int guess);

/* Refuses a key that was seen before (below 32). */
alm_status almi_key_once(const alm_json *json, unsigned *seen, int index);

/* Any value, of which every number is finite. what: for messages. */
alm_status almi_json_finite(alm_json *json, const char *what);

/* The list `details`: rows are counted, added to results->rows and shown to the visitor. */
alm_status almi_results_rows(alm_json *json, const alm_results_visit *visit, alm_results *results);

#endif
