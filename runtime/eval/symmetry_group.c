/* Finite groups of rotations from measured generators. */
#include <math.h>
#include <string.h>

#include "runtime/eval/symmetry_parts.h"

/* Elements of the groups that are looked for are at least 30 degrees apart (twelve-fold), measured
 * ones are off by one or two. cos(angle / 2) for 10 and 20 degrees. */
static const double same = 0.99619469809174555, close = 0.98480775301220806;

void almi_sine_cosine(double angle, double *sine, double *cosine)
{
    /* The series for a 64th of the angle, then six times the double: sin²(2x) and so on. */
    const double x = fmod(angle, 2 * ALMI_PI) / 64, xx = x * x;
    double s = x * (1 - xx / 6 * (1 - xx / 20 * (1 - xx / 42 * (1 - xx / 72))));
    double v = xx / 2 * (1 - xx / 12 * (1 - xx / 30 * (1 - xx / 56))); /* 1 − cos */
    for (int i = 0; i < 6; i++) {
        const double c = 1 - v;
        v = 2 * s * s;
        s = 2 * s * c;
    }
    *sine = s;
    *cosine = 1 - v;
}

almi_turn almi_turn_about(const double axis[3], double angle, const double centre[3])
{
    almi_turn turn;
    double sine;
    almi_sine_cosine(angle / 2, &sine, &turn.q[0]);
    for (int i = 0; i < 3; i++) {
        turn.q[1 + i] = sine * axis[i];
        turn.centre[i] = centre[i];
    }
    return turn;
}

void almi_quaternion_product(const double a[4], const double b[4], double out[4])
{
    const double w = a[0] * b[0] - a[1] * b[1] - a[2] * b[2] - a[3] * b[3];
    const double x = a[0] * b[1] + a[1] * b[0] + a[2] * b[3] - a[3] * b[2];
    const double y = a[0] * b[2] - a[1] * b[3] + a[2] * b[0] + a[3] * b[1];
    const double z = a[0] * b[3] + a[1] * b[2] - a[2] * b[1] + a[3] * b[0];
    out[0] = w;
    out[1] = x;
    out[2] = y;
    out[3] = z;
}

static double dot4(const double a[4], const double b[4])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3];
}

void almi_quaternion_matrix(const double q[4], double m[9])
{
    const double w = q[0], x = q[1], y = q[2], z = q[3];
    const double rows[9] = {
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z),     2 * (x * z + w * y),
        2 * (x * y + w * z),     1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y),     2 * (y * z + w * x),     1 - 2 * (x * x + y * y)};
    memcpy(m, rows, sizeof rows);
}

/* The element nearest to q, when the cosine of half the angle between is above `least`. */
static int find(const almi_group *group, const double q[4], double least)
{
    int at = -1;
    for (int i = 0; i < group->count; i++) {
        const double cosine = fabs(dot4(group->q[i], q));
        if (cosine > least) {
            least = cosine;
            at = i;
        }
    }
    return at;
}

int almi_group_find(const almi_group *group, const double q[4])
{
    return find(group, q, same);
}

/* Products until nothing new comes. False when there is no room or two elements come too close. */
static bool close_products(almi_group *group)
{
    for (int i = 0; i < group->count; i++) {
        for (int j = 0; j < group->count; j++) {
            double q[4];
            almi_quaternion_product(group->q[i], group->q[j], q);
            if (find(group, q, same) >= 0) {
                continue;
            }
            if (group->count == ALM_SYMMETRY_ROTATIONS || find(group, q, close) >= 0) {
                return false;
            }
            memcpy(group->q[group->count++], q, sizeof q);
        }
    }
    return true;
}

/* Replaces every element g by the mean over all h of (g·h)·h⁻¹: what the products say of it. The
 * deviation from a group is squared each time. False: not closed. */
static bool average_products(almi_group *group)
{
    almi_group next = {.count = group->count};
    for (int g = 0; g < group->count; g++) {
        double sum[4] = {0};
        for (int h = 0; h < group->count; h++) {
            const double *b = group->q[h], inverse[4] = {b[0], -b[1], -b[2], -b[3]};
            double q[4];
            almi_quaternion_product(group->q[g], b, q);
            const int at = find(group, q, close);
            if (at < 0) {
                return false;
            }
            almi_quaternion_product(group->q[at], inverse, q);
            const double sign = dot4(q, group->q[g]) < 0 ? -1 : 1;
            for (int i = 0; i < 4; i++) {
                sum[i] += sign * q[i];
            }
        }
        const double length = sqrt(dot4(sum, sum));
        for (int i = 0; i < 4; i++) {
            next.q[g][i] = sum[i] / length;
        }
    }
    *group = next;
    return true;
}

bool almi_group_extend(almi_group *group, const double q[4])
{
    almi_group next = *group;
    if (next.count == ALM_SYMMETRY_ROTATIONS || find(group, q, close) >= 0) {
        return false;
    }
    memcpy(next.q[next.count++], q, sizeof next.q[0]);
    if (!close_products(&next)) {
        return false;
    }
    for (int i = 0; i < 4; i++) {
        if (!average_products(&next)) {
            return false;
        }
    }
    *group = next;
    return true;
}
