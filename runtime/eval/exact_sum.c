/* Correctly rounded sums (exact_sum.h). */
#include "runtime/eval/exact_sum.h"

#include <math.h>
#include <stdbool.h>

/* Doubles that do not overlap, of growing size: from the lowest to the highest bit of doubles there
 * are 2,098. */
enum { PARTS = 2100 };

typedef struct parts {
    double part[PARTS]; /* [count]; not initialised, it is large */
    int count;
} parts;

static void add(parts *p, double value)
{
    int kept = 0;
    for (int i = 0; i < p->count; i++) {
        double large = p->part[i], small = value;
        if (fabs(large) < fabs(small)) {
            large = value;
            small = p->part[i];
        }
        const double sum = large + small;
        const double rest = small - (sum - large); /* exact: large is the larger one */
        if (rest != 0) {
            p->part[kept++] = rest;
        }
        value = sum;
    }
    if (value != 0 && kept < PARTS) {
        p->part[kept++] = value;
    }
    p->count = kept;
}

static double total(const parts *p)
{
    int i = p->count - 1;
    double sum = i >= 0 ? p->part[i] : 0, rest = 0;
    while (i > 0 && rest == 0) {
        const double large = sum, small = p->part[--i];
        sum = large + small;
        rest = small - (sum - large);
    }
    /* When the rest is just half of the last bit, the parts below it decide, not the even bit. */
    if (i > 0 && ((rest < 0 && p->part[i - 1] < 0) || (rest > 0 && p->part[i - 1] > 0))) {
        const double twice = 2 * rest, moved = sum + twice;
        if (moved - sum == twice) {
            sum = moved;
        }
    }
    return sum;
}

double alm_exact_sum(const double *value, size_t count)
{
    parts p;
    double rough = 0;
    p.count = 0;
    for (size_t i = 0; i < count; i++) {
        rough += value[i];
        if (!isfinite(rough)) {
            return rough;
        }
        add(&p, value[i]);
    }
    return total(&p);
}

alm_exact_spread alm_exact_spread_of(const double *value, size_t count)
{
    alm_exact_spread s = {.mean = alm_exact_sum(value, count) / (double)count};
    parts p;
    bool finite = isfinite(s.mean);
    p.count = 0;
    for (size_t i = 0; i < count && finite; i++) {
        const double off = value[i] - s.mean, square = off * off;
        add(&p, square);
        finite = isfinite(square);
    }
    const double sum = finite ? total(&p) : (double)INFINITY;
    s.variance_population = sum / (double)count;
    s.std_population = sqrt(s.variance_population);
    if (count > 1) {
        s.variance_sample = sum / (double)(count - 1);
        s.std_sample = sqrt(s.variance_sample);
    }
    return s;
}
