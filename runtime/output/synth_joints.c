/* Families that are joints: a part and what it goes into (synth_families.h). Lengths are in units
 * of about the size of the assembly, which is scaled afterwards.
 */
#include "runtime/output/synth_shapes.h"

/* A plate with a hole, round, square or six-sided, blind or through; the peg stands in it on the
 * floor of the hole or hangs in it by its head. Sometimes there is a second hole that it does not
 * fit. */
static void build_peg(alm_mesh *m, alm_random *r, int steps, double gap)
{
    static const int corners_of[3] = {ROUND, 4, 6};
    const int corners = corners_of[alm_random_below(r, 3)], kind = alm_random_below(r, 3);
    const double width = between(r, 0.6, 0.9), depth = between(r, 0.55, 0.7);
    const double height = between(r, 0.12, 0.3), radius = between(r, 0.07, 0.1);
    const double aside = between(r, 0.1, 0.13);
    const double x = alm_random_chance(r, 0.5) ? aside : -aside;
    const double y = between(r, -0.05, 0.05), phase = corners == 4 ? 0.125 : 0;
    const bool blind = alm_random_chance(r, 0.5), second = alm_random_chance(r, 0.4);
    const double floor = blind ? height * between(r, 0.2, 0.4) : 0;
    const double at[3] = {x, y, 0}, shaft = radius - gap_of(radius, gap);
    alm_outline plate = {0}, bottom = {0}, pin = {0}, head = {0};
    (void)steps;
    plate_rim(&plate, kind, width, depth);
    plate_rim(&bottom, kind, width, depth);
    alm_outline_circle(&plate, x, y, radius, corners, phase);
    if (second) {
        alm_outline_circle(&plate, -x, -y, 0.6 * radius, ROUND, 0);
    }
    alm_mesh_extrude(m, 0, 2, origin, &plate, floor, height);
    if (blind) {
        alm_mesh_extrude(m, 0, 2, origin, &bottom, 0, floor);
    }
    const double below = blind ? floor : -between(r, 0, 0.15);
    const double above = between(r, 0.2, 0.5), rise = between(r, 0.04, 0.1);
    if (corners == ROUND && blind) {
        rod(m, 1, 2, at, shaft, below, height + above, 0.15 * radius);
    } else if (corners == ROUND) {
        headed(m, 1, 2, at, shaft, below, height, 1.5 * radius, rise);
    } else {
        alm_outline_circle(&pin, 0, 0, shaft, corners, phase);
        alm_mesh_extrude(m, 1, 2, at, &pin, below, height + (blind ? above : 0));
        alm_outline_circle(&head, 0, 0, 1.5 * radius, corners, phase);
        if (!blind) {
            alm_mesh_extrude(m, 1, 2, at, &head, height, height + rise);
        }
    }
}

/* A rail with a groove: a board stands in it, or a tongue with a flange, or a foot that an undercut
 * holds. */
static void build_slot(alm_mesh *m, alm_random *r, int steps, double gap)
{
    const int kind = alm_random_below(r, 3);
    const double slot = between(r, 0.08, 0.14), s = slot / 2, half = s * between(r, 3.4, 5);
    const double height = between(r, 0.2, 0.35), floor = height * between(r, 0.3, 0.5);
    const double length = between(r, 0.6, 1), part = length * between(r, 0.5, 1);
    const double wide = 2.1 * s, under = floor + 0.4 * (height - floor);
    const double above = height + between(r, 0.15, 0.45), flange = half * between(r, 0.6, 0.95);
    const int where = alm_random_below(r, 3);
    const double y0 = where == 0 ? 0 : where == 1 ? length - part : (length - part) / 2;
    const double groove[8][2] = {{-half, 0}, {half, 0},   {half, height}, {s, height},
                                 {s, floor}, {-s, floor}, {-s, height},   {-half, height}};
    const double undercut[12][2] = {{-half, 0},     {half, 0},     {half, height}, {s, height},
                                    {s, under},     {wide, under}, {wide, floor},  {-wide, floor},
                                    {-wide, under}, {-s, under},   {-s, height},   {-half, height}};
    const double t = s - gap, foot = wide - gap, top = under - 2 * gap;
    const double board[4][2] = {{-t, floor}, {t, floor}, {t, above}, {-t, above}};
    const double tongue[8][2] = {
        {-t, floor + 3 * gap},   {t, floor + 3 * gap},     {t, height},       {flange, height},
        {flange, height + 0.06}, {-flange, height + 0.06}, {-flange, height}, {-t, height}};
    const double slider[8][2] = {{-foot, floor}, {foot, floor}, {foot, top}, {t, top},
                                 {t, above},     {-t, above},   {-t, top},   {-foot, top}};
    (void)steps;
    along_y(m, 0, kind == 2 ? undercut : groove, kind == 2 ? 12 : 8, 0, length);
    along_y(m, 1,
            kind == 0   ? board
            : kind == 1 ? tongue
                        : slider,
            kind == 0 ? 4 : 8, y0, y0 + part);
}

/* Holes of the board: along a line, the middle one of three to the side. */
static void dowel_place(int i, int count, double spread, double aside, double at[3])
{
    at[0] = count == 1 ? 0 : spread * (2.0 * i / (count - 1) - 1);
    at[1] = count == 3 && i == 1 ? aside : -aside;
    at[2] = 0;
}

/* A board with blind holes, dowels that stand in them, and a second board over the dowels. */
static void build_dowel(alm_mesh *m, alm_random *r, int steps, double gap)
{
    const int count = steps - 1, kind = alm_random_below(r, 2);
    const double width = between(r, 0.7, 1), depth = between(r, 0.28, 0.4);
    const double thick = between(r, 0.1, 0.2), radius = between(r, 0.03, 0.045);
    const double spread = width * between(r, 0.25, 0.35), aside = depth * between(r, 0, 0.2);
    const double floor = 0.4 * thick, rise = between(r, 0.08, 0.16);
    const double roof = thick + rise + 2 * gap, top = roof + between(r, 0.03, 0.06);
    const double width2 = width * between(r, 0.85, 1), depth2 = depth * between(r, 0.85, 1);
    const double shaft = radius - gap_of(radius, gap);
    alm_outline lower = {0}, upper = {0}, bottom = {0}, cover = {0};
    plate_rim(&lower, kind, width, depth);
    plate_rim(&upper, kind, width2, depth2);
    plate_rim(&bottom, kind, width, depth);
    plate_rim(&cover, kind, width2, depth2);
    for (int i = 0; i < count; i++) {
        double at[3];
        dowel_place(i, count, spread, aside, at);
        alm_outline_circle(&lower, at[0], at[1], radius, ROUND, 0);
        alm_outline_circle(&upper, at[0], at[1], radius, ROUND, 0);
        rod(m, i + 1, 2, at, shaft, floor, thick + rise, 0.2 * radius);
    }
    alm_mesh_extrude(m, 0, 2, origin, &lower, floor, thick);
    alm_mesh_extrude(m, 0, 2, origin, &bottom, 0, floor);
    alm_mesh_extrude(m, steps, 2, origin, &upper, thick, roof);
    alm_mesh_extrude(m, steps, 2, origin, &cover, roof, top);
}

/* A wall on a floor, both with screw holes; an angle bracket in the corner, then its screws. */
static void build_bracket(alm_mesh *m, alm_random *r, int steps, double gap)
{
    const double length = between(r, 0.5, 0.8), half = between(r, 0.2, 0.35);
    const double wall = between(r, 0.5, 0.8), panel = between(r, 0.06, 0.1);
    const double a = between(r, 0.22, 0.35), b = between(r, 0.22, 0.35), t = between(r, 0.03, 0.05);
    const double w = between(r, 0.09, 0.14), y = 0.6 * w, hole = between(r, 0.013, 0.018);
    const double shaft = hole - gap_of(hole, gap), x = (a + t) / 2, z = (b + t) / 2;
    const double rib[3][2] = {{t, t}, {0.85 * a, t}, {t, 0.85 * b}};
    const bool has_rib = alm_random_chance(r, 0.6);
    alm_outline floor = {0}, back = {0}, foot = {0}, arm = {0};
    alm_outline_rectangle(&floor, 0, -half, length, half);
    alm_outline_rectangle(&back, -half, -panel, half, wall);
    alm_outline_rectangle(&foot, 0, -w, a, w);
    alm_outline_rectangle(&arm, -w, t, w, b);
    for (int i = -1; i <= 1; i += 2) {
        alm_outline_circle(&floor, x, i * y, hole, 16, 0);
        alm_outline_circle(&foot, x, i * y, hole, 16, 0);
        alm_outline_circle(&back, i * y, z, hole, 16, 0);
        alm_outline_circle(&arm, i * y, z, hole, 16, 0);
    }
    alm_mesh_extrude(m, 0, 2, origin, &floor, -panel, 0);
    alm_mesh_extrude(m, 0, 0, origin, &back, -panel, 0);
    alm_mesh_extrude(m, 1, 2, origin, &foot, 0, t);
    alm_mesh_extrude(m, 1, 0, origin, &arm, 0, t);
    if (has_rib) {
        along_y(m, 1, rib, 3, -0.012, 0.012);
    }
    if (steps >= 2) {
        headed(m, 2, 2, (const double[3]){x, y, 0}, shaft, -0.8 * panel, t, 1.8 * hole, 0.025);
    }
    if (steps >= 3) {
        headed(m, 3, 0, (const double[3]){0, -y, z}, shaft, -0.8 * panel, t, 1.8 * hole, 0.025);
    }
}

/* Two plates with a hole; a bolt from above, then a washer and a nut from below. */
static void build_bolt(alm_mesh *m, alm_random *r, int steps, double gap)
{
    const int kind = alm_random_below(r, 3), kind2 = alm_random_below(r, 3);
    const double hole = between(r, 0.05, 0.08), shaft = hole - gap_of(hole, gap);
    const double lower = between(r, 0.05, 0.12), upper = between(r, 0.05, 0.12);
    const double washer = steps == 3 ? 0.02 : 0, nut = between(r, 0.06, 0.1);
    const double end = -lower - washer - nut - between(r, 0.02, 0.12);
    const double hex = between(r, 1.7, 2.0) * hole, rise = between(r, 0.05, 0.1);
    alm_outline a = {0}, b = {0}, head = {0}, ring_of_nut = {0};
    const double wide = between(r, 0.5, 0.9), deep = between(r, 0.4, 0.6);
    const double wide2 = between(r, 0.4, 0.8), deep2 = between(r, 0.4, 0.7);
    plate_rim(&a, kind, wide, deep);
    plate_rim(&b, kind2, wide2, deep2);
    alm_outline_circle(&a, 0, 0, hole, ROUND, 0);
    alm_outline_circle(&b, 0, 0, hole, ROUND, 0);
    alm_mesh_extrude(m, 0, 2, origin, &a, -lower, 0);
    alm_mesh_extrude(m, 0, 2, origin, &b, 0, upper);
    alm_outline_circle(&head, 0, 0, hex, 6, 0);
    alm_mesh_extrude(m, 1, 2, origin, &head, upper, upper + rise);
    const double bevel = 0.2 * shaft;
    const double p[5][2] = {
        {0, end}, {shaft - bevel, end}, {shaft, end + bevel}, {shaft, upper}, {0, upper}};
    alm_mesh_lathe(m, 1, 2, origin, p, 5, ROUND);
    if (steps == 3) {
        ring(m, 2, 2, origin, hole, 2.1 * hole, -lower - washer, -lower);
    }
    if (steps >= 2) {
        alm_outline_circle(&ring_of_nut, 0, 0, hex, 6, 0);
        alm_outline_circle(&ring_of_nut, 0, 0, hole, ROUND, 0);
        alm_mesh_extrude(m, steps, 2, origin, &ring_of_nut, -lower - washer - nut, -lower - washer);
    }
}

/* A circle with a flat side at x = flat. */
static void d_shape(alm_outline *o, double radius, double flat)
{
    const double y = sqrt(radius * radius - flat * flat);
    double at[ROUND + 2][2] = {{flat, y}};
    int n = 1;
    for (int i = 0; i < ROUND; i++) {
        double c, s;
        alm_turn((i + 0.5) / ROUND, &c, &s);
        if (radius * c < flat) {
            at[n][0] = radius * c;
            at[n++][1] = radius * s;
        }
    }
    at[n][0] = flat;
    at[n++][1] = -y;
    alm_outline_polygon(o, (const double(*)[2])at, n);
}

static void gear_rim(alm_outline *o, int teeth, double tip)
{
    static const double turn[4] = {-0.35, -0.17, 0.17, 0.35};
    double at[80][2];
    for (int i = 0; i < 4 * teeth; i++) {
        const double radius = i % 4 == 1 || i % 4 == 2 ? tip : 0.84 * tip;
        double c, s;
        alm_turn((i / 4 + turn[i % 4]) / teeth, &c, &s);
        at[i][0] = radius * c;
        at[i][1] = radius * s;
    }
    alm_outline_polygon(o, (const double(*)[2])at, 4 * teeth);
}

/* A shaft with a flat side on a plate; a gear with that hole rests on its collar, then a ring on
 * the gear. */
static void build_gear(alm_mesh *m, alm_random *r, int steps, double gap)
{
    const int kind = alm_random_below(r, 3), teeth = 10 + alm_random_below(r, 10);
    const int spokes = alm_random_below(r, 4), corners = alm_random_chance(r, 0.5) ? 6 : ROUND;
    const double base = between(r, 0.05, 0.1), radius = between(r, 0.05, 0.075);
    const double flat = radius * between(r, 0.5, 0.7), g = gap_of(radius, gap);
    const double seat = base + between(r, 0.03, 0.1), thick = between(r, 0.06, 0.12);
    const double tip = between(r, 0.26, 0.36), top = seat + thick + between(r, 0.12, 0.2);
    alm_outline plate = {0}, shaft = {0}, gear = {0}, cap = {0};
    const double wide = between(r, 0.7, 0.9), deep = between(r, 0.6, 0.8);
    plate_rim(&plate, kind, wide, deep);
    alm_mesh_extrude(m, 0, 2, origin, &plate, 0, base);
    d_shape(&shaft, radius - g, flat - g);
    alm_mesh_extrude(m, 0, 2, origin, &shaft, base, top);
    ring(m, 0, 2, origin, 0.3 * radius, 1.6 * radius, base, seat);
    gear_rim(&gear, teeth, tip);
    d_shape(&gear, radius, flat);
    for (int i = 0; i < spokes + 2 && spokes > 0; i++) {
        double c, s;
        alm_turn((i + 0.25) / (spokes + 2), &c, &s);
        alm_outline_circle(&gear, 0.52 * tip * c, 0.52 * tip * s, 0.16 * tip, 16, 0);
    }
    alm_mesh_extrude(m, 1, 2, origin, &gear, seat, seat + thick);
    if (steps >= 2) {
        alm_outline_circle(&cap, 0, 0, 1.8 * radius, corners, 0);
        alm_outline_circle(&cap, 0, 0, radius, ROUND, 0);
        alm_mesh_extrude(m, 2, 2, origin, &cap, seat + thick,
                         seat + thick + between(r, 0.04, 0.08));
    }
}

/* A post with through mortises, one above the other; rails with tenons come from both sides. */
static void build_joint(alm_mesh *m, alm_random *r, int steps, double gap)
{
    const double height = between(r, 0.7, 1), b = between(r, 0.07, 0.11);
    const double wide = b * between(r, 0.3, 0.5), room = height / steps;
    alm_outline post = {0};
    alm_outline_rectangle(&post, -b, 0, b, height);
    for (int i = 0; i < steps; i++) {
        const double z = room * (i + between(r, 0.45, 0.55)), tall = between(r, 0.04, 0.07);
        const double shoulder = tall + between(r, 0.015, 0.03), side = wide + (b - wide) * 0.6;
        const double length = between(r, 0.3, 0.6), through = between(r, -0.02, 0.05);
        const bool left = i % 2 == 1;
        const double body[2] = {left ? -b - length : b, left ? -b : b + length};
        const double tenon[2] = {left ? -b : -b - through, left ? b + through : b};
        alm_outline_rectangle(&post, -wide, z - tall, wide, z + tall);
        box(m, i + 1, body[0], body[1], -side, side, z - shoulder, z + shoulder);
        box(m, i + 1, tenon[0], tenon[1], -wide + gap, wide - gap, z - tall + gap, z + tall - gap);
    }
    alm_mesh_extrude(m, 0, 0, origin, &post, -b, b);
}

const alm_synth_family alm_synth_joints[] = {
    {"Peg", 1, 1, true, {"Put the peg into its hole."}, NULL, build_peg},
    {"Slot", 1, 1, true, {"Set the board into the slot."}, NULL, build_slot},
    {"Dowel",
     2,
     4,
     true,
     {"Put a dowel into its hole.", "Put a dowel into the next hole.",
      "Put a dowel into the last hole."},
     "Press the second board onto the dowels.",
     build_dowel},
    {"Bracket",
     1,
     3,
     true,
     {"Set the bracket into the corner.", "Screw the bracket to the floor.",
      "Screw the bracket to the wall."},
     NULL,
     build_bracket},
    {"Bolt",
     1,
     3,
     true,
     {"Put the bolt through both plates.", "Put the washer on the bolt."},
     "Put the nut on the bolt.",
     build_bolt},
    {"Gear",
     1,
     2,
     true,
     {"Slide the gear onto the shaft.", "Secure the gear with the ring."},
     NULL,
     build_gear},
    {"Joint",
     1,
     3,
     true,
     {"Put the tenon of the rail into the post.", "Put the second rail into the post.",
      "Put the third rail into the post."},
     NULL,
     build_joint},
};
const int alm_synth_joint_count = (int)(sizeof alm_synth_joints / sizeof alm_synth_joints[0]);
