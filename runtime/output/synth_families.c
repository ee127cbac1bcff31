/* Draws an assembly: its family, its shape, its size and how it lies (synth_families.h). */
#include "runtime/output/synth_families.h"

#include <string.h>

enum { MOST_FAMILIES = 32 };

int alm_synth_family_count(void)
{
    return alm_synth_joint_count + alm_synth_furniture_count;
}

const alm_synth_family *alm_synth_family_at(int index)
{
    return index < alm_synth_joint_count ? &alm_synth_joints[index]
                                         : &alm_synth_furniture[index - alm_synth_joint_count];
}

/* Every run of as many assemblies as there are families has each of them once, in an order of its
 * own. */
const alm_synth_family *alm_synth_family_of(uint64_t seed, uint64_t number)
{
    const int n = alm_synth_family_count();
    const int place = (int)(number % (uint64_t)n);
    int order[MOST_FAMILIES];
    alm_random r = alm_random_of(seed, number / (uint64_t)n, ALM_SYNTH_PURPOSE_FAMILY);
    for (int i = 0; i < n && i < MOST_FAMILIES; i++) {
        const int j = alm_random_below(&r, i + 1);
        order[i] = order[j];
        order[j] = i;
    }
    return alm_synth_family_at(order[place]);
}

int alm_synth_steps_of(uint64_t seed, uint64_t number)
{
    const alm_synth_family *f = alm_synth_family_of(seed, number);
    alm_random r = alm_random_of(seed, number, ALM_SYNTH_PURPOSE_STEPS);
    return f->least_steps + alm_random_below(&r, f->most_steps - f->least_steps + 1);
}

const char *alm_synth_instruction(const alm_synth_assembly *a, int step)
{
    const alm_synth_family *f = a->family;
    return f->last && step > 1 && step == a->steps ? f->last : f->say[step - 1];
}

static void multiply(const double a[9], const double b[9], double out[9])
{
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) {
            out[3 * i + j] = a[3 * i] * b[j] + a[3 * i + 1] * b[3 + j] + a[3 * i + 2] * b[6 + j];
        }
    }
}

/* Turned about z, by right angles or by any angle; before that, another side up where allowed. */
static void draw_rotation(alm_random *r, bool any_side_up, double out[9])
{
    static const double side[6][9] = {
        {1, 0, 0, 0, 1, 0, 0, 0, 1}, {1, 0, 0, 0, -1, 0, 0, 0, -1}, {0, 0, 1, 1, 0, 0, 0, 1, 0},
        {0, 1, 0, 0, 0, 1, 1, 0, 0}, {0, 0, -1, 0, 1, 0, 1, 0, 0},  {1, 0, 0, 0, 0, -1, 0, 1, 0},
    };
    const bool right_angle = alm_random_chance(r, 0.5);
    const double turns = alm_random_uniform(r);
    const int up = alm_random_below(r, 12); /* as built in half of the cases */
    double c, s;
    alm_turn(right_angle ? floor(turns * 4) / 4 : turns, &c, &s);
    const double about_z[9] = {c, -s, 0, s, c, 0, 0, 0, 1};
    multiply(about_z, side[any_side_up && up < 6 ? up : 0], out);
}

/* The centre of the bounds goes to the origin. */
static double place(alm_mesh *m, const double rotation[9], double size)
{
    static const double unmoved[3] = {0, 0, 0};
    double low[3] = {INFINITY, INFINITY, INFINITY}, high[3] = {-INFINITY, -INFINITY, -INFINITY};
    double centre[3], longest = 0;
    alm_mesh_place(m, rotation, unmoved, 1);
    for (size_t i = 0; i < m->solids; i++) {
        for (int a = 0; a < 3; a++) {
            low[a] = m->solid[i].low[a] < low[a] ? m->solid[i].low[a] : low[a];
            high[a] = m->solid[i].high[a] > high[a] ? m->solid[i].high[a] : high[a];
        }
    }
    for (int a = 0; a < 3; a++) {
        centre[a] = (low[a] + high[a]) / 2;
        longest = high[a] - low[a] > longest ? high[a] - low[a] : longest;
    }
    const double scale = size / longest;
    alm_mesh_place(m, (const double[9]){1, 0, 0, 0, 1, 0, 0, 0, 1}, centre, scale);
    return scale;
}

alm_status alm_synth_assembly_make(uint64_t seed, uint64_t number, alm_synth_assembly *out)
{
    alm_synth_assembly a = {.seed = seed, .number = number};
    alm_random shape = alm_random_of(seed, number, ALM_SYNTH_PURPOSE_SHAPE);
    alm_random lie = alm_random_of(seed, number, ALM_SYNTH_PURPOSE_PLACE);
    double rotation[9];
    a.family = alm_synth_family_of(seed, number);
    a.steps = alm_synth_steps_of(seed, number);
    const double gap = alm_random_between(&shape, 0.003, 0.007);
    a.family->build(&a.mesh, &shape, a.steps, gap);
    if (a.mesh.status != ALM_OK) {
        const alm_status status = a.mesh.status;
        alm_mesh_free(&a.mesh);
        return alm_fail_context(status, "assembly %llu of the family %s",
                                (unsigned long long)number, a.family->category);
    }
    draw_rotation(&lie, a.family->any_side_up, rotation);
    const double size = alm_random_between(&lie, 0.35, 1.0);
    a.gap = gap * place(&a.mesh, rotation, size);
    *out = a;
    return ALM_OK;
}
