/* Outlines. Triangles: every hole is joined to the rim by a bridge that is walked in both
 * directions, which leaves one closed walk; then ears are cut off it (a corner whose triangle holds
 * no other point of the walk) until a triangle is left.
 */
#include "runtime/output/synth_outline.h"

#include <math.h>
#include <string.h>

#include "runtime/output/synth_random.h"

enum { CORNER_PIECES = 6, WALK = ALM_OUTLINE_POINTS + 2 * ALM_OUTLINE_LOOPS };

/* The closed walk: indices of points, some of them twice. */
typedef struct walk {
    int at[WALK], count;
} walk;

static double loop_area(const double (*at)[2], int count)
{
    double twice = 0;
    for (int i = 0; i < count; i++) {
        const double *p = at[i], *q = at[(i + 1) % count];
        twice += p[0] * q[1] - p[1] * q[0];
    }
    return twice / 2;
}

void alm_outline_polygon(alm_outline *o, const double (*at)[2], int count)
{
    if (o->loops >= ALM_OUTLINE_LOOPS || count < 3 || o->points + count > ALM_OUTLINE_POINTS) {
        o->broken = true;
        return;
    }
    const bool forward = (loop_area(at, count) > 0) == (o->loops == 0);
    for (int i = 0; i < count; i++) {
        const double *p = at[forward ? i : count - 1 - i];
        o->at[o->points + i][0] = p[0];
        o->at[o->points + i][1] = p[1];
    }
    o->first[o->loops++] = o->points;
    o->points += count;
    o->first[o->loops] = o->points;
}

void alm_outline_rectangle(alm_outline *o, double x0, double y0, double x1, double y1)
{
    const double at[4][2] = {{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}};
    alm_outline_polygon(o, at, 4);
}

void alm_outline_rounded(alm_outline *o, double x0, double y0, double x1, double y1, double radius)
{
    double at[4 * (CORNER_PIECES + 1)][2];
    int n = 0;
    for (int corner = 0; corner < 4; corner++) {
        const double x = corner == 0 || corner == 3 ? x1 - radius : x0 + radius;
        const double y = corner < 2 ? y1 - radius : y0 + radius;
        for (int i = 0; i <= CORNER_PIECES; i++) {
            double c, s;
            alm_turn(corner * 0.25 + i * 0.25 / CORNER_PIECES, &c, &s);
            at[n][0] = x + radius * c;
            at[n++][1] = y + radius * s;
        }
    }
    alm_outline_polygon(o, (const double(*)[2])at, n);
}

void alm_outline_circle(alm_outline *o, double x, double y, double radius, int corners,
                        double phase)
{
    double at[64][2];
    if (corners > 64) {
        o->broken = true;
        return;
    }
    for (int i = 0; i < corners; i++) {
        double c, s;
        alm_turn(phase + (double)i / corners, &c, &s);
        at[i][0] = x + radius * c;
        at[i][1] = y + radius * s;
    }
    alm_outline_polygon(o, (const double(*)[2])at, corners);
}

double alm_outline_area(const alm_outline *o)
{
    double area = 0;
    for (int l = 0; l < o->loops; l++) {
        area += loop_area(o->at + o->first[l], o->first[l + 1] - o->first[l]);
    }
    return area;
}

/* ---- Triangles ------------------------------------------------------------------------------- */

/* Twice the area of abc: positive when c lies to the left of ab. */
static double turn_of(const double *a, const double *b, const double *c)
{
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
}

static bool crosses(const double *a, const double *b, const double *p, const double *q)
{
    return turn_of(a, b, p) * turn_of(a, b, q) <= 0 && turn_of(p, q, a) * turn_of(p, q, b) <= 0;
}

static bool same(const double *a, const double *b)
{
    return a[0] == b[0] && a[1] == b[1];
}

/* Whether the segment from a to b meets the side pq of a loop elsewhere than at its own ends. */
static bool blocks(const double *a, const double *b, const double *p, const double *q)
{
    if (same(p, a) || same(q, a) || same(p, b) || same(q, b)) {
        return false;
    }
    return crosses(a, b, p, q);
}

/* Whether the walk's corner k is open towards the point. */
static bool corner_sees(const alm_outline *o, const walk *w, int k, const double *to)
{
    const double *before = o->at[w->at[(k + w->count - 1) % w->count]];
    const double *here = o->at[w->at[k]], *after = o->at[w->at[(k + 1) % w->count]];
    if (turn_of(before, here, after) >= 0) {
        return turn_of(here, to, before) > 0 && turn_of(to, here, after) > 0;
    }
    return !(turn_of(here, to, after) >= 0 && turn_of(to, here, before) >= 0);
}

static bool is_clear(const alm_outline *o, const walk *w, const double *a, const double *b)
{
    for (int i = 0; i < w->count; i++) {
        if (blocks(a, b, o->at[w->at[i]], o->at[w->at[(i + 1) % w->count]])) {
            return false;
        }
    }
    for (int l = 1; l < o->loops; l++) {
        for (int i = o->first[l]; i < o->first[l + 1]; i++) {
            const int next = i + 1 < o->first[l + 1] ? i + 1 : o->first[l];
            if (blocks(a, b, o->at[i], o->at[next])) {
                return false;
            }
        }
    }
    return true;
}

/* The nearest corner of the walk that the point sees; −1 when there is none. */
static int nearest_seen(const alm_outline *o, const walk *w, const double *from)
{
    int best = -1;
    double least = INFINITY;
    for (int k = 0; k < w->count; k++) {
        const double *p = o->at[w->at[k]];
        const double x = p[0] - from[0], y = p[1] - from[1], distance = x * x + y * y;
        if (distance < least && corner_sees(o, w, k, from) && is_clear(o, w, p, from)) {
            least = distance;
            best = k;
        }
    }
    return best;
}

static bool join_hole(const alm_outline *o, walk *w, int loop, int from)
{
    const int k = nearest_seen(o, w, o->at[from]);
    const int first = o->first[loop], n = o->first[loop + 1] - first;
    if (k < 0 || w->count + n + 2 > WALK) {
        return false;
    }
    memmove(w->at + k + n + 3, w->at + k + 1, (size_t)(w->count - k - 1) * sizeof w->at[0]);
    for (int i = 0; i <= n; i++) {
        w->at[k + 1 + i] = first + (from - first + i) % n;
    }
    w->at[k + n + 2] = w->at[k];
    w->count += n + 2;
    return true;
}

/* Holes from the right to the left, so that each finds the walk on its right. */
static bool join_holes(const alm_outline *o, walk *w)
{
    bool done[ALM_OUTLINE_LOOPS] = {true};
    for (int joined = 1; joined < o->loops; joined++) {
        int loop = -1, from = -1;
        for (int l = 1; l < o->loops; l++) {
            for (int i = o->first[l]; !done[l] && i < o->first[l + 1]; i++) {
                if (from < 0 || o->at[i][0] > o->at[from][0]) {
                    from = i;
                    loop = l;
                }
            }
        }
        if (!join_hole(o, w, loop, from)) {
            return false;
        }
        done[loop] = true;
    }
    return true;
}

static bool is_ear(const alm_outline *o, const walk *w, int k)
{
    const int a = w->at[(k + w->count - 1) % w->count], b = w->at[k], c = w->at[(k + 1) % w->count];
    const double *p = o->at[a], *q = o->at[b], *r = o->at[c];
    if (!(turn_of(p, q, r) > 1e-14)) {
        return false;
    }
    for (int i = 0; i < w->count; i++) {
        const double *x = o->at[w->at[i]];
        if (w->at[i] != a && w->at[i] != b && w->at[i] != c && turn_of(p, q, x) >= 0 &&
            turn_of(q, r, x) >= 0 && turn_of(r, p, x) >= 0) {
            return false;
        }
    }
    return true;
}

int alm_outline_triangulate(const alm_outline *o, int (*triangle)[3])
{
    walk w = {.count = 0};
    int n = 0;
    if (o->broken || o->loops < 1) {
        return -1;
    }
    for (int i = 0; i < o->first[1]; i++) {
        w.at[w.count++] = i;
    }
    if (!join_holes(o, &w)) {
        return -1;
    }
    for (int k = 0, tries = 0; w.count > 3; tries++) {
        if (tries > w.count) {
            return -1;
        }
        k %= w.count;
        if (is_ear(o, &w, k)) {
            triangle[n][0] = w.at[(k + w.count - 1) % w.count];
            triangle[n][1] = w.at[k];
            triangle[n++][2] = w.at[(k + 1) % w.count];
            w.count--;
            memmove(w.at + k, w.at + k + 1, (size_t)(w.count - k) * sizeof w.at[0]);
            tries = 0;
        }
        k++;
    }
    for (int i = 0; i < 3; i++) {
        triangle[n][i] = w.at[i];
    }
    return n + 1;
}
