/* What the parts of `inspect data` share: a JSON object with everything, from which the text for
 * people is made too. Private to runtime/inspect_data*.c and inspect_sample.c.
 */
#ifndef ALM_RUNTIME_INSPECT_DATA_H
#define ALM_RUNTIME_INSPECT_DATA_H

#include <jansson.h>

#include "runtime/assemlm.h"
#include "runtime/input/dataset.h"
#include "runtime/output/buffer.h"

/* Objects and lists that may lack memory: a failure sticks, and what follows does nothing. */
typedef struct almi_report {
    bool failed;
} almi_report;

/* Takes `value` over; NULL fails. Into an object, onto a list. */
void almi_report_put(almi_report *r, json_t *object, const char *key, json_t *value);
void almi_report_add(almi_report *r, json_t *list, json_t *value);
void almi_report_count(almi_report *r, json_t *object, const char *key, int64_t count);
/* null for what is not UTF-8. */
void almi_report_text(almi_report *r, json_t *object, const char *key, const char *text);

/* This thread's last message without the file's name in front. */
const char *almi_message_of(const char *path);

/* Reads every sample of the file. *bad: how many cannot be read. The object is the caller's. */
alm_status almi_survey_data(alm_dataset *dataset, const char *path, const alm_data_options *options,
                            int64_t *bad, json_t **out);

/* One sample, and its picture. */
alm_status almi_survey_sample(alm_dataset *dataset, const char *path,
                              const alm_data_options *options, int64_t *bad, json_t **out);

/* For people. */
void almi_data_text(const json_t *report, alm_buffer *out);
void almi_sample_text(const json_t *report, alm_buffer *out);

#endif
