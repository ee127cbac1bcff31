/* Numbers as Python prints them: repr() of a float, which json.dump writes. The shortest decimal
 * digits that read back as the same double; of those, the nearest to it. Fixed notation from 1e-4
 * to below 1e16, else an exponent of at least two digits. The locale has no say.
 */
#ifndef ALM_RUNTIME_OUTPUT_REAL_TEXT_H
#define ALM_RUNTIME_OUTPUT_REAL_TEXT_H

#include <stddef.h>

enum { ALM_REAL_TEXT = 32 };

/* Writes the text and a NUL; returns its length (at most 24). value: finite. */
size_t alm_real_text(double value, char text[ALM_REAL_TEXT]);

#endif
