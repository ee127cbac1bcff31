/* Status codes and the text of the last error.
 *
 * Every function that can fail returns an alm_status. Whoever detects a problem records one line of
 * text with alm_fail(): the thing, its value, the limit. Callers pass the status on with ALM_TRY
 * and may put a context in front. The text is thread-local. The values are the exit codes of the
 * program `assemlm`.
 */
#ifndef ALM_KERNELS_CORE_STATUS_H
#define ALM_KERNELS_CORE_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum alm_status {
    ALM_OK = 0,
    ALM_STATUS_INTERNAL = 1, /* a bug of ours */
    ALM_STATUS_USAGE = 2,    /* wrong arguments */
    ALM_STATUS_SAMPLE = 3,   /* invalid sample: cloud, page, text */
    ALM_STATUS_MODEL = 4,    /* invalid or unsupported model folder */
    ALM_STATUS_DEVICE = 5,   /* no usable device */
    ALM_STATUS_MEMORY = 6,   /* out of host or device memory */
    ALM_STATUS_OUTPUT = 7,   /* output could not be written */
    ALM_STATUS_PARTIAL = 8,  /* finished, some samples failed */
    ALM_STATUS_CHECK = 9,    /* a check failed */
    ALM_STATUS_RESTART = 75  /* the device context is lost */
} alm_status;

#if defined(__GNUC__)
#define ALM_API __attribute__((visibility("default"))) /* what libassemlm exports */
#define ALM_PRINTF(text, first) __attribute__((__format__(__printf__, text, first)))
#else
#define ALM_API
#define ALM_PRINTF(text, first)
#endif

/* Short stable name of a status for JSON: "invalid_sample". Static storage. */
ALM_API const char *alm_status_name(alm_status status);

/* Text of this thread's last failure; "" when there was none. Valid until the next failure of this
 * thread. */
ALM_API const char *alm_error_message(void);

/* Name of the input at fault ("fixed", "manual", "category", "model", ...); "" when not known. */
ALM_API const char *alm_error_param(void);

/* Records the text and returns `status`, so that it can stand in a return statement. Control
 * characters and bytes that are not UTF-8 are replaced, so that hostile names cannot write to a
 * terminal. */
alm_status alm_fail(alm_status status, const char *format, ...) ALM_PRINTF(2, 3);

/* Puts "<context>: " before the recorded text and returns `status` unchanged. */
alm_status alm_fail_context(alm_status status, const char *format, ...) ALM_PRINTF(2, 3);

/* Names the input at fault; returns `status` unchanged. An already named input stays; does nothing
 * for ALM_OK. */
alm_status alm_fail_param(alm_status status, const char *param);

/* Forgets the recorded text. */
void alm_error_clear(void);

/* Returns from the calling function when `expression` is not ALM_OK. */
#define ALM_TRY(expression)                                                                        \
    do {                                                                                           \
        const alm_status alm_try_status_ = (expression);                                           \
        if (alm_try_status_ != ALM_OK) {                                                           \
            return alm_try_status_;                                                                \
        }                                                                                          \
    } while (0)

#ifdef __cplusplus
}
#endif

#endif
