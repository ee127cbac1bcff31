/* Synthetic parts with known symmetries: points drawn evenly over their surfaces. */
#ifndef ALM_TESTS_EVAL_PARTS_H
#define ALM_TESTS_EVAL_PARTS_H

#include <stdint.h>

#include "runtime/eval/symmetry.h"

typedef struct test_part {
    const char *name;
    alm_symmetry_kind kind;
    int count;      /* as in alm_symmetry */
    double axis[3]; /* of the continuous kinds and of the highest order, before it is turned */
} test_part;

extern const test_part test_parts[];
extern const int test_part_count;

/* n points of the part's surface, turned by r (rows), stretched and shifted: r·x·size + shift. The
 * same seed gives the same points. */
void test_part_sample(int part, uint32_t seed, int n, const double r[9], double size,
                      const double shift[3], float *xyz);
/* A random rotation (uniform), rows. */
void test_rotation(uint32_t seed, double r[9]);

#endif
