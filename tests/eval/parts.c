#include "tests/eval/parts.h"

#include <math.h>
#include <string.h>

#include "runtime/eval/random.h"

#define PI 3.14159265358979323846

enum { PATCHES = 128 };

/* ---- Surfaces ---- */

typedef enum patch_kind { FLAT, TRIANGLE, ROUND } patch_kind;

/* FLAT: o + s·u + t·v, s and t in [0, 1]; TRIANGLE: the half with s + t <= 1. ROUND: about the z
 * axis through o, the straight line from radius r[0], height z[0] to r[1], z[1]. */
typedef struct patch {
    patch_kind kind;
    double o[3], u[3], v[3], r[2], z[2], area;
} patch;

typedef struct shape {
    patch list[PATCHES];
    int n;
} shape;

static double length_of_cross(const double u[3], const double v[3])
{
    double sum = 0;
    for (int i = 0; i < 3; i++) {
        const int j = (i + 1) % 3, k = (i + 2) % 3;
        const double c = u[j] * v[k] - u[k] * v[j];
        sum += c * c;
    }
    return sqrt(sum);
}

static void add_flat(shape *s, patch_kind kind, const double o[3], const double u[3],
                     const double v[3])
{
    patch p = {.kind = kind};
    memcpy(p.o, o, sizeof p.o);
    memcpy(p.u, u, sizeof p.u);
    memcpy(p.v, v, sizeof p.v);
    p.area = length_of_cross(u, v) * (kind == TRIANGLE ? 0.5 : 1);
    s->list[s->n++] = p;
}

static void add_round(shape *s, double x, double y, double r0, double z0, double r1, double z1)
{
    const double slant = sqrt((r1 - r0) * (r1 - r0) + (z1 - z0) * (z1 - z0));
    s->list[s->n++] = (patch){.kind = ROUND,
                              .o = {x, y, 0},
                              .r = {r0, r1},
                              .z = {z0, z1},
                              .area = PI * (r0 + r1) * slant};
}

/* A cylinder along z with its two ends. */
static void add_cylinder(shape *s, double x, double y, double r, double z0, double z1)
{
    add_round(s, x, y, r, z0, r, z1);
    add_round(s, x, y, 0, z0, r, z0);
    add_round(s, x, y, 0, z1, r, z1);
}

/* faces: bits for x0 x1 y0 y1 z0 z1. */
static void add_box(shape *s, const double low[3], const double high[3], int faces)
{
    for (int f = 0; f < 6; f++) {
        if (!(faces >> f & 1)) {
            continue;
        }
        const int c = f / 2, a = (c + 1) % 3, b = (c + 2) % 3;
        double o[3], u[3] = {0}, v[3] = {0};
        memcpy(o, low, sizeof o);
        o[c] = f % 2 ? high[c] : low[c];
        u[a] = high[a] - low[a];
        v[b] = high[b] - low[b];
        add_flat(s, FLAT, o, u, v);
    }
}

static void add_centred_box(shape *s, double x, double y, double z)
{
    const double low[3] = {-x / 2, -y / 2, -z / 2}, high[3] = {x / 2, y / 2, z / 2};
    add_box(s, low, high, 63);
}

/* An n-sided prism, corners at radius r; hole > 0: with a round hole. */
static void add_prism(shape *s, int n, double r, double height, double hole)
{
    for (int i = 0; i < n; i++) {
        const double a = 2 * PI * i / n, b = 2 * PI * (i + 1) / n;
        const double p[3] = {r * cos(a), r * sin(a), -height / 2};
        const double q[3] = {r * cos(b), r * sin(b), -height / 2};
        const double along[3] = {q[0] - p[0], q[1] - p[1], 0}, up[3] = {0, 0, height};
        add_flat(s, FLAT, p, along, up);
        for (int end = 0; end < 2; end++) {
            const double o[3] = {0, 0, (end - 0.5) * height};
            const double u[3] = {p[0], p[1], 0}, v[3] = {q[0], q[1], 0};
            add_flat(s, TRIANGLE, o, u, v);
        }
    }
    if (hole > 0) {
        add_round(s, 0, 0, hole, -height / 2, hole, height / 2);
    }
}

/* The faces of a polyhedron: all triples of corners at the given distance from each other. */
static void add_polyhedron(shape *s, const double (*corner)[3], int n, double edge)
{
    for (int i = 0; i < n; i++) {
        for (int j = i + 1; j < n; j++) {
            for (int k = j + 1; k < n; k++) {
                double u[3], v[3], w[3], uu = 0, vv = 0, ww = 0;
                for (int c = 0; c < 3; c++) {
                    u[c] = corner[j][c] - corner[i][c];
                    v[c] = corner[k][c] - corner[i][c];
                    w[c] = v[c] - u[c];
                    uu += u[c] * u[c];
                    vv += v[c] * v[c];
                    ww += w[c] * w[c];
                }
                if (fabs(sqrt(uu) - edge) + fabs(sqrt(vv) - edge) + fabs(sqrt(ww) - edge) < 0.01) {
                    add_flat(s, TRIANGLE, corner[i], u, v);
                }
            }
        }
    }
}

/* ---- Parts ---- */

enum {
    BOX,
    PLATE,
    CUBE,
    SQUARE_BAR,
    CYLINDER,
    STOUT_CYLINDER,
    RING,
    CONE,
    SHAFT,
    SPHERE,
    BRACKET,
    EVEN_BRACKET,
    KEYED_PEG,
    NOTCHED_BOX,
    MUG,
    PROPELLER,
    NUT,
    PENTAGON,
    TRAY,
    TABLE,
    TETRAHEDRON,
    ICOSAHEDRON,
    PARTS
};

const test_part test_parts[] = {
    [BOX] = {"box", ALM_SYMMETRY_FINITE, 4, {0, 0, 1}},
    [PLATE] = {"square plate", ALM_SYMMETRY_FINITE, 8, {0, 0, 1}},
    [CUBE] = {"cube", ALM_SYMMETRY_FINITE, 24, {0, 0, 1}},
    [SQUARE_BAR] = {"square bar", ALM_SYMMETRY_FINITE, 8, {0, 0, 1}},
    [CYLINDER] = {"cylinder", ALM_SYMMETRY_AXIAL_FLIP, 0, {0, 0, 1}},
    [STOUT_CYLINDER] = {"cylinder of equal moments", ALM_SYMMETRY_AXIAL_FLIP, 0, {0, 0, 1}},
    [RING] = {"ring", ALM_SYMMETRY_AXIAL_FLIP, 0, {0, 0, 1}},
    [CONE] = {"cone", ALM_SYMMETRY_AXIAL, 0, {0, 0, 1}},
    [SHAFT] = {"stepped shaft", ALM_SYMMETRY_AXIAL, 0, {0, 0, 1}},
    [SPHERE] = {"sphere", ALM_SYMMETRY_ALL, 0, {0, 0, 1}},
    [BRACKET] = {"L-bracket", ALM_SYMMETRY_FINITE, 1, {0, 0, 1}},
    [EVEN_BRACKET] = {"L-bracket of equal arms",
                      ALM_SYMMETRY_FINITE,
                      2,
                      {0.70710678, 0.70710678, 0}},
    [KEYED_PEG] = {"peg with a key", ALM_SYMMETRY_FINITE, 1, {0, 0, 1}},
    [NOTCHED_BOX] = {"box with a notch", ALM_SYMMETRY_FINITE, 1, {0, 0, 1}},
    [MUG] = {"mug", ALM_SYMMETRY_FINITE, 1, {0, 0, 1}},
    [PROPELLER] = {"propeller", ALM_SYMMETRY_FINITE, 3, {0, 0, 1}},
    [NUT] = {"nut", ALM_SYMMETRY_FINITE, 12, {0, 0, 1}},
    [PENTAGON] = {"pentagon", ALM_SYMMETRY_FINITE, 10, {0, 0, 1}},
    [TRAY] = {"tray", ALM_SYMMETRY_FINITE, 2, {0, 0, 1}},
    [TABLE] = {"table", ALM_SYMMETRY_FINITE, 4, {0, 0, 1}},
    [TETRAHEDRON] = {"tetrahedron", ALM_SYMMETRY_FINITE, 12, {0.57735027, 0.57735027, 0.57735027}},
    [ICOSAHEDRON] = {"icosahedron", ALM_SYMMETRY_FINITE, 60, {0, 0, 0}},
};
const int test_part_count = PARTS;

/* Arms of lengths a and b along x and y, 0.15 thick, 0.5 wide along z: an outline pulled along z.
 */
static void add_bracket(shape *s, double a, double b)
{
    const double corner[6][2] = {{0, 0}, {a, 0}, {a, 0.15}, {0.15, 0.15}, {0.15, b}, {0, b}};
    for (int i = 0; i < 6; i++) {
        const double *p = corner[i], *q = corner[(i + 1) % 6];
        const double o[3] = {p[0], p[1], -0.25}, u[3] = {q[0] - p[0], q[1] - p[1], 0};
        const double v[3] = {0, 0, 0.5};
        add_flat(s, FLAT, o, u, v);
    }
    for (int end = 0; end < 2; end++) {
        const double z = end - 0.5;
        const double o[3] = {0, 0, z / 2}, u[3] = {a, 0, 0}, v[3] = {0, 0.15, 0};
        const double p[3] = {0, 0.15, z / 2}, w[3] = {0.15, 0, 0}, x[3] = {0, b - 0.15, 0};
        add_flat(s, FLAT, o, u, v);
        add_flat(s, FLAT, p, w, x);
    }
}

static void add_propeller(shape *s)
{
    add_cylinder(s, 0, 0, 0.12, -0.1, 0.3); /* longer on one side: else half turns fit as well */
    for (int i = 0; i < 3; i++) {
        const double c = cos(2 * PI * i / 3), n = sin(2 * PI * i / 3);
        const double o[3] = {0.12 * c + 0.08 * n, 0.12 * n - 0.08 * c, -0.08};
        const double along[3] = {0.5 * c, 0.5 * n, 0}, across[3] = {-0.16 * n, 0.16 * c, 0.16};
        add_flat(s, FLAT, o, along, across);
    }
}

static void add_solid(shape *s, int part)
{
    double corner[12][3];
    const double golden = (1 + sqrt(5)) / 2;
    if (part == TETRAHEDRON) {
        const double c[4][3] = {{1, 1, 1}, {1, -1, -1}, {-1, 1, -1}, {-1, -1, 1}};
        add_polyhedron(s, c, 4, 2 * sqrt(2));
        return;
    }
    for (int i = 0; i < 12; i++) { /* the corners of three golden rectangles */
        const int axis = i / 4;
        corner[i][axis] = 0;
        corner[i][(axis + 1) % 3] = i & 1 ? 1 : -1;
        corner[i][(axis + 2) % 3] = i & 2 ? golden : -golden;
    }
    add_polyhedron(s, (const double(*)[3])corner, 12, 2);
}

static void make_shape(int part, shape *s)
{
    s->n = 0;
    switch (part) {
    case BOX: add_centred_box(s, 1, 0.6, 0.35); break;
    case PLATE: add_centred_box(s, 1, 1, 0.2); break;
    case CUBE: add_centred_box(s, 1, 1, 1); break;
    case SQUARE_BAR: add_centred_box(s, 0.12, 0.12, 1); break;
    case CYLINDER: add_cylinder(s, 0, 0, 0.3, -0.5, 0.5); break;
    case STOUT_CYLINDER: add_cylinder(s, 0, 0, 0.5, -0.385, 0.385); break;
    case RING:
        add_round(s, 0, 0, 0.5, -0.1, 0.5, 0.1);
        add_round(s, 0, 0, 0.3, -0.1, 0.3, 0.1);
        add_round(s, 0, 0, 0.3, -0.1, 0.5, -0.1);
        add_round(s, 0, 0, 0.3, 0.1, 0.5, 0.1);
        break;
    case CONE:
        add_round(s, 0, 0, 0.4, 0, 0, 0.8);
        add_round(s, 0, 0, 0, 0, 0.4, 0);
        break;
    case SHAFT:
        add_cylinder(s, 0, 0, 0.3, -0.4, 0);
        add_cylinder(s, 0, 0, 0.15, 0, 0.5);
        break;
    case BRACKET: add_bracket(s, 1, 0.6); break;
    case EVEN_BRACKET: add_bracket(s, 0.8, 0.8); break;
    case KEYED_PEG: {
        const double low[3] = {0.18, -0.06, 0}, high[3] = {0.34, 0.06, 0.3};
        add_cylinder(s, 0, 0, 0.2, -0.5, 0.5);
        add_box(s, low, high, 63 - 1);
        break;
    }
    case NOTCHED_BOX: { /* a slot of a sixth of its length in one end of the top */
        const double low[3] = {-0.5, -0.3, -0.25}, high[3] = {0.5, 0.3, 0.25};
        const double a[3] = {0.3, 0, 0.05}, b[3] = {0.5, 0.3, 0.25};
        const double o[3] = {-0.5, -0.3, 0.25}, u[3] = {0.8, 0, 0}, v[3] = {0, 0.6, 0};
        const double p[3] = {0.3, -0.3, 0.25}, w[3] = {0.2, 0, 0}, x[3] = {0, 0.3, 0};
        const double m[3] = {0.5, -0.3, -0.25}, n[3] = {0, 0.6, 0}, k[3] = {0, 0, 0.3};
        const double d[3] = {0.5, -0.3, 0.05}, e[3] = {0, 0.3, 0}, f[3] = {0, 0, 0.2};
        const double g[3] = {-0.5, 0.3, -0.25}, h[3] = {1, 0, 0}, i[3] = {0, 0, 0.3};
        const double j[3] = {-0.5, 0.3, 0.05}, l[3] = {0.8, 0, 0};
        add_box(s, low, high, 1 + 4 + 16);
        add_flat(s, FLAT, o, u, v);
        add_flat(s, FLAT, p, w, x);
        add_flat(s, FLAT, m, n, k);
        add_flat(s, FLAT, d, e, f);
        add_flat(s, FLAT, g, h, i);
        add_flat(s, FLAT, j, l, f);
        add_box(s, a, b, 1 + 4 + 16);
        break;
    }
    case MUG: {
        const double low[3] = {0.3, -0.05, -0.25}, high[3] = {0.5, 0.05, 0.25};
        add_round(s, 0, 0, 0.3, -0.4, 0.3, 0.4);
        add_round(s, 0, 0, 0, -0.4, 0.3, -0.4);
        add_box(s, low, high, 2 + 4 + 8 + 16 + 32);
        break;
    }
    case PROPELLER: add_propeller(s); break;
    case NUT: add_prism(s, 6, 0.5, 0.4, 0.25); break;
    case PENTAGON: add_prism(s, 5, 0.5, 0.3, 0); break;
    case TRAY: {
        const double low[3] = {-0.5, -0.35, 0}, high[3] = {0.5, 0.35, 0.3};
        add_box(s, low, high, 31);
        break;
    }
    case TABLE: {
        const double low[3] = {-0.5, -0.5, 0.4}, high[3] = {0.5, 0.5, 0.5};
        add_box(s, low, high, 63);
        for (int i = 0; i < 4; i++) {
            const double x = i & 1 ? 0.4 : -0.4, y = i & 2 ? 0.4 : -0.4;
            const double a[3] = {x - 0.06, y - 0.06, -0.3}, b[3] = {x + 0.06, y + 0.06, 0.4};
            add_box(s, a, b, 31);
        }
        break;
    }
    default: add_solid(s, part); break;
    }
}

/* ---- Points ---- */

static double uniform(alm_mt19937 *g) /* [0, 1) */
{
    return (double)alm_mt19937_next(g) * 0x1p-32;
}

/* Two normal numbers (Box and Muller). */
static void normal_pair(alm_mt19937 *g, double out[2])
{
    const double r = sqrt(-2 * log(uniform(g) + 0x1p-33)), a = 2 * PI * uniform(g);
    out[0] = r * cos(a);
    out[1] = r * sin(a);
}

static void point_on(const patch *p, alm_mt19937 *g, double x[3])
{
    double s = uniform(g), t = uniform(g);
    if (p->kind == ROUND) {
        /* Evenly over a frustum: the radius squared is even. */
        const double a = p->r[0] * p->r[0], b = p->r[1] * p->r[1];
        const double r = sqrt(a + s * (b - a));
        s = p->r[0] == p->r[1] ? s : (r - p->r[0]) / (p->r[1] - p->r[0]);
        x[0] = p->o[0] + r * cos(2 * PI * t);
        x[1] = p->o[1] + r * sin(2 * PI * t);
        x[2] = p->z[0] + s * (p->z[1] - p->z[0]);
        return;
    }
    if (p->kind == TRIANGLE && s + t > 1) {
        s = 1 - s;
        t = 1 - t;
    }
    for (int c = 0; c < 3; c++) {
        x[c] = p->o[c] + s * p->u[c] + t * p->v[c];
    }
}

void test_rotation(uint32_t seed, double r[9])
{
    alm_mt19937 g;
    alm_mt19937_seed(&g, seed);
    double q[4], length = 0;
    normal_pair(&g, q);
    normal_pair(&g, q + 2);
    for (int i = 0; i < 4; i++) {
        length += q[i] * q[i];
    }
    for (int i = 0; i < 4; i++) {
        q[i] /= sqrt(length);
    }
    const double w = q[0], x = q[1], y = q[2], z = q[3];
    const double m[9] = {1 - 2 * (y * y + z * z), 2 * (x * y - w * z),     2 * (x * z + w * y),
                         2 * (x * y + w * z),     1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
                         2 * (x * z - w * y),     2 * (y * z + w * x),     1 - 2 * (x * x + y * y)};
    memcpy(r, m, sizeof m);
}

void test_part_sample(int part, uint32_t seed, int n, const double r[9], double size,
                      const double shift[3], float *xyz)
{
    shape s;
    alm_mt19937 g;
    double total = 0;
    alm_mt19937_seed(&g, seed);
    if (part != SPHERE) {
        make_shape(part, &s);
        for (int i = 0; i < s.n; i++) {
            total += s.list[i].area;
        }
    }
    for (int i = 0; i < n; i++) {
        double x[3];
        if (part == SPHERE) {
            double v[4];
            normal_pair(&g, v);
            normal_pair(&g, v + 2);
            const double length = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
            for (int c = 0; c < 3; c++) {
                x[c] = 0.5 * v[c] / length;
            }
        } else {
            double at = uniform(&g) * total;
            int k = 0;
            while (k < s.n - 1 && at >= s.list[k].area) {
                at -= s.list[k++].area;
            }
            point_on(&s.list[k], &g, x);
        }
        for (int c = 0; c < 3; c++) {
            xyz[3 * i + c] =
                (float)(size * (r[3 * c] * x[0] + r[3 * c + 1] * x[1] + r[3 * c + 2] * x[2]) +
                        shift[c]);
        }
    }
}
