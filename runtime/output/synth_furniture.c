/* Families that are furniture: what stands on the floor or on a table, with its up in z
 * (synth_families.h). Lengths are in units of about the size of the assembly, which is scaled
 * afterwards.
 */
#include "runtime/output/synth_shapes.h"

/* A leg below z = 0 with a round tenon above: turned, or square and tapered. */
static void add_leg(alm_mesh *m, int step, const double at[3], double tenon, double rise,
                    double length, double body, double foot, bool square)
{
    if (!square) {
        const double p[6][2] = {{0, -length}, {foot, -length}, {body, 0},
                                {tenon, 0},   {tenon, rise},   {0, rise}};
        alm_mesh_lathe(m, step, 2, at, p, 6, ROUND);
        return;
    }
    alm_outline o = {0};
    alm_outline_rectangle(&o, -foot, -foot, foot, foot);
    alm_mesh_taper(m, step, 2, at, &o, -length, 0, body / foot, (const double[2]){0, 0});
    const double p[4][2] = {{0, 0}, {tenon, 0}, {tenon, rise}, {0, rise}};
    alm_mesh_lathe(m, step, 2, at, p, 4, ROUND);
}

/* A seat with sockets from below; three or four legs with tenons. */
static void build_stool(alm_mesh *m, alm_random *r, int steps, double gap)
{
    const int kind = alm_random_below(r, 3);
    const bool square = alm_random_chance(r, 0.4);
    const double size = between(r, 0.5, 0.75), thick = between(r, 0.06, 0.1);
    const double length = between(r, 0.4, 0.8), hole = between(r, 0.024, 0.034);
    const double body = hole * between(r, 1.3, 1.6), foot = body * between(r, 0.55, 0.9);
    const double depth = 0.6 * thick, tenon = hole - gap_of(hole, gap);
    const double reach = size / 2 * (kind == 2 || steps == 3 ? 0.72 : 0.95);
    alm_outline sockets = {0}, top = {0};
    plate_rim(&sockets, kind, size, size);
    plate_rim(&top, kind, size, size);
    for (int i = 0; i < steps; i++) {
        double c, s;
        alm_turn((i + 0.5) / steps, &c, &s);
        const double at[3] = {reach * c, reach * s, 0};
        alm_outline_circle(&sockets, at[0], at[1], hole, ROUND, 0);
        add_leg(m, i + 1, at, tenon, depth - gap, length, body, foot, square);
    }
    alm_mesh_extrude(m, 0, 2, origin, &sockets, 0, depth);
    alm_mesh_extrude(m, 0, 2, origin, &top, depth, thick);
}

/* Four legs that lean outwards, below the seat. */
static void add_chair_legs(alm_mesh *m, alm_random *r, double x, double y)
{
    const double length = between(r, 0.4, 0.5), half = between(r, 0.018, 0.026);
    const double lean = between(r, 0, 0.05);
    alm_outline foot = {0};
    alm_outline_rectangle(&foot, -half, -half, half, half);
    for (int i = 0; i < 4; i++) {
        const double sx = i & 1 ? 1 : -1, sy = i & 2 ? 1 : -1;
        const double at[3] = {sx * (x - 0.045 + lean), sy * (y - 0.045 + lean), 0};
        alm_mesh_taper(m, 0, 2, at, &foot, -length, 0, 1.3,
                       (const double[2]){-sx * lean, -sy * lean});
    }
}

/* Two posts with square tenons, joined by slats or by one panel. */
static void add_chair_back(alm_mesh *m, alm_random *r, double x, double y, double thick, double gap)
{
    const double height = between(r, 0.35, 0.55), post = 0.024, a = 0.018 - gap, b = 0.014 - gap;
    const int slats = alm_random_below(r, 4); /* 0: a panel */
    for (int sign = -1; sign <= 1; sign += 2) {
        box(m, 1, sign * x - a, sign * x + a, y - b, y + b, 0.2 * thick, thick);
        box(m, 1, sign * x - post, sign * x + post, y - post, y + post, thick, thick + height);
    }
    if (slats == 0) {
        box(m, 1, -x + post, x - post, y - 0.01, y + 0.01, thick + 0.25 * height,
            thick + 0.96 * height);
    }
    for (int i = 0; i < slats; i++) {
        const double z = thick + height * (1 - 0.25 * i) - 0.04;
        box(m, 1, -x + post, x - post, y - 0.01, y + 0.01, z - 0.05, z);
    }
}

/* A seat on four legs; the back goes into two mortises, then each arm into a round hole. */
static void build_chair(alm_mesh *m, alm_random *r, int steps, double gap)
{
    const double x = between(r, 0.2, 0.26), y = between(r, 0.2, 0.25),
                 thick = between(r, 0.03, 0.06);
    const double back_x = x - 0.075, back_y = y - 0.04, arm_x = x - 0.03, arm_y = -0.35 * y;
    const double hole = 0.018, tenon = hole - gap_of(hole, gap), arm = between(r, 0.16, 0.24);
    const double g = gap < 0.004 ? gap : 0.004;
    alm_outline seat = {0};
    alm_outline_rounded(&seat, -x, -y, x, y, 0.03);
    for (int sign = -1; sign <= 1; sign += 2) {
        const double at = sign * back_x;
        alm_outline_rectangle(&seat, at - 0.018, back_y - 0.014, at + 0.018, back_y + 0.014);
        if (steps > 1) {
            alm_outline_circle(&seat, sign * arm_x, arm_y, hole, ROUND, 0);
        }
    }
    alm_mesh_extrude(m, 0, 2, origin, &seat, 0, thick);
    add_chair_legs(m, r, x, y);
    add_chair_back(m, r, back_x, back_y, thick, g);
    for (int step = 2; step <= steps; step++) {
        const double at[3] = {step == 2 ? -arm_x : arm_x, arm_y, 0}, z = thick + arm;
        const double post[6][2] = {{0, 0.2 * thick},    {tenon, 0.2 * thick}, {tenon, thick},
                                   {1.5 * hole, thick}, {1.2 * hole, z},      {0, z}};
        alm_mesh_lathe(m, step, 2, at, post, 6, ROUND);
        box(m, step, at[0] - 0.03, at[0] + 0.03, arm_y - 0.08, back_y - 0.04, z, z + 0.025);
    }
}

/* An open box about x = 0 with a knob at its front, which is at y0. */
static void add_drawer(alm_mesh *m, int step, double half, double y0, double y1, double z0,
                       double height, double wall)
{
    const double front = z0 + height, rim = z0 + 0.8 * height;
    box(m, step, -half, half, y0, y0 + wall, z0, front);
    box(m, step, -half, half, y0 + wall, y1, z0, z0 + wall);
    box(m, step, -half, -half + wall, y0 + wall, y1, z0 + wall, rim);
    box(m, step, half - wall, half, y0 + wall, y1, z0 + wall, rim);
    box(m, step, -half + wall, half - wall, y1 - wall, y1, z0 + wall, rim);
    const double p[5][2] = {{0, 0}, {0.014, 0}, {0.022, -0.03}, {0.018, -0.05}, {0, -0.05}};
    alm_mesh_lathe(m, step, 1, (const double[3]){0, y0, z0 + 0.5 * height}, p, 5, ROUND);
}

/* A cabinet of as many boxes as there are drawers, or one more; each drawer lies in its own, a
 * little open. */
static void build_drawer(alm_mesh *m, alm_random *r, int steps, double gap)
{
    const int rooms = steps + alm_random_below(r, 2), empty = alm_random_below(r, rooms);
    const double half = between(r, 0.22, 0.4), depth = between(r, 0.35, 0.5);
    const double room = between(r, 0.14, 0.22), t = between(r, 0.02, 0.035);
    const double inner = half - t, top = t + rooms * (room + t);
    box(m, 0, -half, half, 0, depth, 0, t);
    box(m, 0, -half, half, 0, depth, top - t, top);
    box(m, 0, -half, -inner, 0, depth, t, top - t);
    box(m, 0, inner, half, 0, depth, t, top - t);
    box(m, 0, -inner, inner, depth - t, depth, t, top - t);
    for (int i = 0, step = 1; i < rooms; i++) {
        const double floor = t + i * (room + t);
        const double open = depth * between(r, 0, 0.35);
        if (i > 0) {
            box(m, 0, -inner, inner, 0, depth - t, floor - t, floor);
        }
        if (rooms == steps || i != empty) {
            add_drawer(m, step++, inner - gap, -open, 0.92 * (depth - t) - open, floor,
                       room - 2 * gap, 0.018);
        }
    }
}

/* A foot with a socket; a pole stands in it, a shade lies on the pole's shoulder, a cap on top. */
static void build_lamp(alm_mesh *m, alm_random *r, int steps, double gap)
{
    const double foot = between(r, 0.14, 0.24), rise = between(r, 0.03, 0.06);
    const double boss = between(r, 0.045, 0.06), socket = rise + between(r, 0.04, 0.1);
    const double hole = between(r, 0.022, 0.032), floor = 0.02, wall = 0.014;
    const double shaft = hole - gap_of(hole, gap), shoulder = between(r, 0.5, 0.8);
    const double pin = 0.5 * hole, pin_hole = pin + gap_of(pin, gap);
    const double top = shoulder + 0.08, upper = between(r, 0.07, 0.14);
    const double lower = upper + between(r, 0.03, 0.12), drop = between(r, 0.16, 0.28);
    const double plate = shoulder + wall, roof = top + 2 * gap;
    const double base[8][2] = {{0, 0},         {foot, 0},      {foot, rise},  {boss, rise + 0.01},
                               {boss, socket}, {hole, socket}, {hole, floor}, {0, floor}};
    const double pole[6][2] = {{0, floor},      {shaft, floor}, {shaft, shoulder},
                               {pin, shoulder}, {pin, top},     {0, top}};
    const double shade[6][2] = {
        {pin_hole, shoulder},     {upper - wall, shoulder}, {lower - wall, shoulder - drop},
        {lower, shoulder - drop}, {upper, plate},           {pin_hole, plate}};
    const double cap[7][2] = {{0, roof},          {pin_hole, roof}, {pin_hole, plate},
                              {2.2 * pin, plate}, {3 * pin, roof},  {2 * pin, roof + 0.04},
                              {0, roof + 0.05}};
    alm_mesh_lathe(m, 0, 2, origin, base, 8, 64);
    alm_mesh_lathe(m, 1, 2, origin, pole, 6, 64);
    if (steps >= 2) {
        alm_mesh_lathe(m, 2, 2, origin, shade, 6, 64);
    }
    if (steps >= 3) {
        alm_mesh_lathe(m, 3, 2, origin, cap, 7, 64);
    }
}

/* A plate's rim, moved inwards by `by`, with a hole of the same kind whose edge lies `wall` inside
 * the full size. */
static void frame(alm_outline *o, int kind, double width, double depth, double wall, double by)
{
    plate_rim(o, kind, width - 2 * by, depth - 2 * by);
    plate_rim(o, kind, width - 2 * wall, depth - 2 * wall);
}

/* A box, square or round; the lid lies on its rim with a lip inside, and a knob goes into the lid.
 */
static void build_box(alm_mesh *m, alm_random *r, int steps, double gap)
{
    const int kind = alm_random_below(r, 3);
    const double width = between(r, 0.4, 0.8), depth = between(r, 0.35, 0.6);
    const double height = between(r, 0.2, 0.45), wall = between(r, 0.02, 0.035);
    const double lid = between(r, 0.02, 0.04), lip = between(r, 0.03, 0.06);
    const double hole = between(r, 0.018, 0.026), tenon = hole - gap_of(hole, gap);
    const double top = height + lid;
    const double knob[7][2] = {
        {0, top - 0.8 * lid},     {tenon, top - 0.8 * lid}, {tenon, top},   {1.5 * hole, top},
        {2.2 * hole, top + 0.04}, {1.6 * hole, top + 0.06}, {0, top + 0.06}};
    alm_outline floor = {0}, walls = {0}, plate = {0}, edge = {0};
    plate_rim(&floor, kind, width, depth);
    frame(&walls, kind, width, depth, wall, 0);
    plate_rim(&plate, kind, width, depth);
    frame(&edge, kind, width, depth, 2 * wall + gap, wall + gap);
    alm_mesh_extrude(m, 0, 2, origin, &floor, 0, wall);
    alm_mesh_extrude(m, 0, 2, origin, &walls, wall, height);
    if (steps >= 2) {
        alm_outline_circle(&plate, 0, 0, hole, ROUND, 0);
        alm_mesh_lathe(m, 2, 2, origin, knob, 7, ROUND);
    }
    alm_mesh_extrude(m, 1, 2, origin, &plate, height, top);
    alm_mesh_extrude(m, 1, 2, origin, &edge, height - lip, height);
}

/* One side of a shelf with a groove for each board; sign: −1 left, 1 right. */
static void add_side(alm_mesh *m, int sign, double half, double thick, double notch, double height,
                     double depth, const double *z, int count, double groove)
{
    double at[4 + 4 * ALM_SYNTH_STEPS][2];
    const double outer = sign * half, inner = sign * (half - thick);
    const double bottom = sign * (half - thick + notch);
    int n = 0;
    at[n][0] = outer, at[n++][1] = 0;
    at[n][0] = inner, at[n++][1] = 0;
    for (int i = 0; i < count; i++) {
        at[n][0] = inner, at[n++][1] = z[i];
        at[n][0] = bottom, at[n++][1] = z[i];
        at[n][0] = bottom, at[n++][1] = z[i] + groove;
        at[n][0] = inner, at[n++][1] = z[i] + groove;
    }
    at[n][0] = inner, at[n++][1] = height;
    at[n][0] = outer, at[n++][1] = height;
    along_y(m, 0, (const double(*)[2])at, n, 0, depth);
}

/* Two sides with grooves, a floor, a roof and a back; boards slide into the grooves. */
static void build_shelf(alm_mesh *m, alm_random *r, int steps, double gap)
{
    const double half = between(r, 0.25, 0.4), height = between(r, 0.6, 1);
    const double depth = between(r, 0.2, 0.35), thick = between(r, 0.035, 0.05);
    const double board = between(r, 0.02, 0.03), notch = 0.45 * thick, inner = half - thick;
    double z[ALM_SYNTH_STEPS];
    for (int i = 0; i < steps; i++) {
        z[i] = height * (i + 1 + between(r, -0.15, 0.15)) / (steps + 1);
    }
    for (int sign = -1; sign <= 1; sign += 2) {
        add_side(m, sign, half, thick, notch, height, depth, z, steps, board + 2 * gap);
    }
    box(m, 0, -inner, inner, 0, depth, 0, board);
    box(m, 0, -half, half, 0, depth, height, height + board);
    box(m, 0, -half, half, depth, depth + 0.012, 0, height + board);
    for (int i = 0; i < steps; i++) {
        const double x = inner + notch - gap;
        box(m, i + 1, -x, x, 0, depth - gap, z[i], z[i] + board);
    }
}

const alm_synth_family alm_synth_furniture[] = {
    {"Stool",
     3,
     4,
     false,
     {"Put the first leg into the seat.", "Put the second leg into the seat.",
      "Put the third leg into the seat.", "Put the fourth leg into the seat."},
     NULL,
     build_stool},
    {"Chair",
     1,
     3,
     false,
     {"Put the back into the seat.", "Put one arm into the seat.",
      "Put the other arm into the seat."},
     NULL,
     build_chair},
    {"Drawer",
     1,
     3,
     false,
     {"Slide the drawer in.", "Slide the second drawer in.", "Slide the third drawer in."},
     NULL,
     build_drawer},
    {"Lamp",
     1,
     3,
     false,
     {"Put the pole into the foot.", "Put the shade on the pole.", "Put the cap on the pole."},
     NULL,
     build_lamp},
    {"Box",
     1,
     2,
     false,
     {"Put the lid on the box.", "Put the knob into the lid."},
     NULL,
     build_box},
    {"Shelf",
     2,
     4,
     false,
     {"Slide a board into the lowest groove.", "Slide a board into the next groove.",
      "Slide a board into the next groove.", "Slide a board into the next groove."},
     NULL,
     build_shelf},
};
const int alm_synth_furniture_count =
    (int)(sizeof alm_synth_furniture / sizeof alm_synth_furniture[0]);
