/* Text of reports: numbers that do not depend on the locale, names of strangers made harmless for
 * each format. Names: bytes that are not UTF-8 and control characters become U+FFFD everywhere.
 */
#ifndef ALM_RUNTIME_EVAL_REPORT_TEXT_H
#define ALM_RUNTIME_EVAL_REPORT_TEXT_H

#include <stdint.h>

#include "runtime/eval/report_rows.h"
#include "runtime/output/buffer.h"

/* The shortest decimal number that reads back as the same double (float); "null" when not finite.
 */
void almi_put_number(alm_buffer *out, double value);
void almi_put_float(alm_buffer *out, float value);
/* The same, rounded to so many digits first. */
void almi_put_rounded(alm_buffer *out, double value, int digits);
void almi_put_whole(alm_buffer *out, int64_t value);
/* So many digits behind the point. */
void almi_put_fixed(alm_buffer *out, double value, int decimals);
/* For people: degrees with 2 decimals, lengths with 4, squares with 3 significant digits, shares as
 * percent with 1 decimal. sign: with '+' too. */
void almi_put_value(alm_buffer *out, almi_format format, double value, bool sign);
/* A p-value: three decimals, or "< 0.001". */
void almi_put_p(alm_buffer *out, double p);

/* JSON string with quotes; NULL: null. */
void almi_put_json(alm_buffer *out, const char *text);
/* A CSV cell (RFC 4180), quoted where needed. A text that begins with = + - @, a tab or a line end
 * gets an apostrophe in front, so that no spreadsheet takes it for a formula (OWASP, "CSV
 * Injection"). NULL: empty. */
void almi_put_csv(alm_buffer *out, const char *text);
/* HTML text or attribute: & < > " ' as entities. */
void almi_put_html(alm_buffer *out, const char *text);
/* In a cell of a Markdown table: punctuation that means something is escaped. */
void almi_put_markdown(alm_buffer *out, const char *text);
/* LaTeX without packages: letters of Latin-1 as they are, what is beyond as [U+XXXX]. */
void almi_put_latex(alm_buffer *out, const char *text);

/* The bytes as base64 (RFC 4648). */
void almi_put_base64(alm_buffer *out, const uint8_t *data, size_t bytes);

/* "(not named)" for NULL. */
const char *almi_dataset_text(const char *dataset);

#endif
