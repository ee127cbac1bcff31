/* The families of synthetic assemblies: what `synth data` draws its samples from.
 *
 * An assembly has a base (step 0) and one to four parts that are put on in order; each step is one
 * sample: the fixed cloud is the base with the parts before, the moving cloud is the part. Parts
 * mate: a peg in its hole, a tongue in its groove, a tenon in its mortise, with a gap of design
 * between the walls and with faces that touch where the part comes to rest.
 */
#ifndef ALM_RUNTIME_OUTPUT_SYNTH_FAMILIES_H
#define ALM_RUNTIME_OUTPUT_SYNTH_FAMILIES_H

#include "runtime/output/synth_mesh.h"

enum { ALM_SYNTH_STEPS = 4 };

typedef struct alm_synth_family {
    const char *category; /* "Stool" */
    int least_steps, most_steps;
    bool any_side_up; /* furniture stands on its legs, a joint may lie in any way */
    /* What is done in the steps; `last`: in the last of several instead, NULL: as `say` has it. */
    const char *say[ALM_SYNTH_STEPS], *last;
    /* Adds the solids of all steps. gap: between walls that fit, at most. */
    void (*build)(alm_mesh *mesh, alm_random *random, int steps, double gap);
} alm_synth_family;

extern const alm_synth_family alm_synth_joints[], alm_synth_furniture[];
extern const int alm_synth_joint_count, alm_synth_furniture_count;

int alm_synth_family_count(void);
const alm_synth_family *alm_synth_family_at(int index);

/* ---- One assembly: depends on the seed and its number only */

typedef struct alm_synth_assembly {
    const alm_synth_family *family;
    uint64_t seed, number;
    int steps;
    alm_mesh mesh; /* centred about the origin, its longest side 0.35 to 1 */
    double gap;    /* between walls that fit, at most */
} alm_synth_assembly;

/* Which family and how many steps, without building it. */
const alm_synth_family *alm_synth_family_of(uint64_t seed, uint64_t number);
int alm_synth_steps_of(uint64_t seed, uint64_t number);

/* Errors: ALM_STATUS_MEMORY, ALM_STATUS_INTERNAL. Zero or freed before; alm_mesh_free(&out->mesh).
 */
alm_status alm_synth_assembly_make(uint64_t seed, uint64_t number, alm_synth_assembly *out);

/* "Put the peg into its hole."; step: 1 ... steps. */
const char *alm_synth_instruction(const alm_synth_assembly *assembly, int step);

/* Streams of an assembly (alm_random_of); a step adds its number. */
typedef enum alm_synth_purpose {
    ALM_SYNTH_PURPOSE_FAMILY = 100,
    ALM_SYNTH_PURPOSE_STEPS = 200,
    ALM_SYNTH_PURPOSE_SHAPE = 300,
    ALM_SYNTH_PURPOSE_PLACE = 400,
    ALM_SYNTH_PURPOSE_SPLIT = 500,
    ALM_SYNTH_PURPOSE_ABANDON = 600,
    ALM_SYNTH_PURPOSE_POINTS = 700,
    ALM_SYNTH_PURPOSE_MOVING = 800,
    ALM_SYNTH_PURPOSE_FIXED = 900,
    ALM_SYNTH_PURPOSE_CAMERA = 1000
} alm_synth_purpose;

#endif
