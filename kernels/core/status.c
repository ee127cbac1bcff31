#include "kernels/core/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_BYTES = 1024, PARAM_BYTES = 64 };

static _Thread_local char message[MESSAGE_BYTES];
static _Thread_local char param[PARAM_BYTES];

const char *alm_status_name(alm_status status)
{
    switch (status) {
    case ALM_OK: return "ok";
    case ALM_STATUS_INTERNAL: return "internal";
    case ALM_STATUS_USAGE: return "usage";
    case ALM_STATUS_SAMPLE: return "invalid_sample";
    case ALM_STATUS_MODEL: return "invalid_model";
    case ALM_STATUS_DEVICE: return "no_device";
    case ALM_STATUS_MEMORY: return "out_of_memory";
    case ALM_STATUS_OUTPUT: return "output_failed";
    case ALM_STATUS_PARTIAL: return "some_samples_failed";
    case ALM_STATUS_CHECK: return "check_failed";
    case ALM_STATUS_RESTART: return "device_lost";
    }
    return "unknown";
}

const char *alm_error_message(void)
{
    return message;
}

const char *alm_error_param(void)
{
    return param;
}

void alm_error_clear(void)
{
    message[0] = '\0';
    param[0] = '\0';
}

/* Length of the valid UTF-8 sequence at s (1 to 4), or 0. Overlong forms and surrogates are not
 * valid. */
static int sequence_length(const unsigned char *s)
{
    static const unsigned least[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (s[0] < 0x80) {
        return 1;
    }
    const int n = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
    if (s[0] < 0xC2 || s[0] > 0xF4) {
        return 0;
    }
    unsigned code = s[0] & (0xFFu >> (n + 1));
    for (int i = 1; i < n; i++) {
        if ((s[i] & 0xC0) != 0x80) {
            return 0;
        }
        code = code << 6 | (s[i] & 0x3Fu);
    }
    return code < least[n] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000) ? 0 : n;
}

/* A message may quote names out of hostile files: whatever could steer a terminal becomes '?'. */
static void make_printable(char *text)
{
    unsigned char *s = (unsigned char *)text;
    while (*s) {
        const int n = sequence_length(s);
        const int is_control =
            s[0] < 0x20 || s[0] == 0x7F || (s[0] == 0xC2 && n == 2 && s[1] < 0xA0);
        if (n == 0 || is_control) {
            s[0] = '?';
            s++;
        } else {
            s += n;
        }
    }
}

alm_status alm_fail(alm_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    make_printable(message);
    param[0] = '\0';
    return status;
}

alm_status alm_fail_context(alm_status status, const char *format, ...)
{
    char text[MESSAGE_BYTES];
    char before[MESSAGE_BYTES / 2];
    va_list args;
    va_start(args, format);
    vsnprintf(before, sizeof before, format, args);
    va_end(args);
    memcpy(text, message, sizeof text);
    /* The context is at most half of the buffer, so the end of a long cause is what is cut. */
    snprintf(message, sizeof message, "%s: %.*s", before,
             (int)(sizeof message - strlen(before) - 3), text);
    make_printable(message);
    return status;
}

alm_status alm_fail_param(alm_status status, const char *name)
{
    if (status != ALM_OK && param[0] == '\0') {
        snprintf(param, sizeof param, "%s", name);
    }
    return status;
}
