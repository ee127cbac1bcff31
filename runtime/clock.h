/* The clock that durations are measured with. */
#ifndef ALM_RUNTIME_CLOCK_H
#define ALM_RUNTIME_CLOCK_H

#include <time.h>

/* Milliseconds since some moment; never goes back. */
static inline double alm_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

#endif
