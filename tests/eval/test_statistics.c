/* Statistics against closed forms, complete enumeration and simulation. Random numbers of these
 * tests are fixed, so that a simulation that passes once passes always. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/eval/statistics.h"
#include "tests/shim/alm_test.h"

enum { SUM, COUNT, OTHER_SUM, OTHER_COUNT };
static const alm_ratio mean = {SUM, COUNT, false}, share = {SUM, COUNT, true};

static uint64_t state;

static double uniform(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return ((double)(state >> 11) + 0.5) / 9007199254740992.0;
}

static double gauss(void)
{
    return sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform());
}

/* One value a cluster. */
static alm_stratum stratum_of(double (*table)[ALM_SUMS], const double *values, int count,
                              uint64_t key)
{
    memset(table, 0, (size_t)count * sizeof *table);
    for (int i = 0; i < count; i++) {
        table[i][SUM] = values[i];
        table[i][COUNT] = 1;
    }
    return (alm_stratum){.table = (const double(*)[ALM_SUMS])table, .count = count, .key = key};
}

static double normal(double x)
{
    return 0.5 * erfc(-x / sqrt(2));
}

static double normal_inverse(double p)
{
    double low = -10, high = 10;
    for (int i = 0; i < 200; i++) {
        const double middle = (low + high) / 2;
        *(normal(middle) < p ? &low : &high) = middle;
    }
    return low;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The share alpha of the 27 resamples of three values; its distance to the nearest step. */
static double enumerated_quantile(const double *sorted, double alpha, double *margin)
{
    const int place = (int)ceil(27 * alpha);
    int least = place - 1, most = place - 1;
    while (least > 0 && sorted[least - 1] == sorted[place - 1]) {
        least--;
    }
    while (most < 26 && sorted[most + 1] == sorted[place - 1]) {
        most++;
    }
    *margin = fmin(alpha - least / 27.0, (most + 1) / 27.0 - alpha);
    return sorted[place - 1];
}

/* All 27 resamples of three values give the exact distribution; that of 200,000 random ones comes
 * within 5 standard errors of it: 5·√(¼/200,000) = 0.0056 of a share. */
ALM_TEST(statistics, bootstrap_of_three_is_what_enumeration_says)
{
    static const double values[3] = {0, 1, 5};
    double sorted[27], table[3][ALM_SUMS];
    double square = 0;
    int below = 0, equal = 0;
    for (int i = 0; i < 27; i++) {
        sorted[i] = (values[i % 3] + values[i / 3 % 3] + values[i / 9]) / 3;
        below += sorted[i] < 2;
        equal += sorted[i] == 2;
        square += (sorted[i] - 2) * (sorted[i] - 2) / 27;
    }
    qsort(sorted, 27, sizeof *sorted, compare);
    const double z0 = normal_inverse((below + 0.5 * equal) / 27);
    /* d = -2/3, -1/3, 1 */
    const double d2 = (4.0 + 1 + 9) / 9, d3 = (-8.0 - 1 + 27) / 27;
    const double a = d3 / (6 * pow(d2, 1.5));
    double expected[2];
    for (int k = 0; k < 2; k++) {
        const double z = z0 + (k ? 1.959963984540054 : -1.959963984540054);
        double margin = 0;
        expected[k] = enumerated_quantile(sorted, normal(z0 + z / (1 - a * z)), &margin);
        ALM_CHECK(margin > 0.0056); /* else the random resamples may land beside it */
    }
    const alm_stratum s = stratum_of(table, values, 3, 1);
    const alm_bootstrap_options options = {.seed = 3, .resamples = 200000};
    alm_estimate e[3];
    ALM_REQUIRE_OK(alm_bootstrap(&s, 1, &mean, 1, &options, e));
    ALM_CHECK_INT(e[0].kind, ALM_INTERVAL_BCA);
    ALM_CHECK_NEAR(e[0].value, 2, 1e-15);
    ALM_CHECK_NEAR(e[0].low, expected[0], 1e-12);
    ALM_CHECK_NEAR(e[0].high, expected[1], 1e-12);
    /* The relative error of a standard deviation is below 1/√B for this kurtosis. */
    ALM_CHECK_NEAR(e[0].standard_error, sqrt(square), 5 * sqrt(square) / sqrt(200000));
    ALM_CHECK_INT(e[0].clusters, 3);
    ALM_CHECK_INT(e[0].resamples, 200000);
}

/* Skewed values: the bounds against alm_bca() on resamples of this test, with d_i and a written
 * out. Each bound is a quantile of 100,000 near a share of 0.02, so uncertain by √(0.02/100,000)
 * = 4.5e-4 of a share, that is 0.013 standard errors of the mean; 5·√2 of these are 0.09. Twice the
 * acceleration would move the upper bound by more (checked). */
ALM_TEST(statistics, skewed_values_have_skewed_bounds)
{
    enum { N = 30, B = 100000 };
    static double values[N], table[N][ALM_SUMS], resampled[B];
    double total = 0, square = 0, cube = 0, low[2], high[2];
    state = 123;
    for (int i = 0; i < N; i++) {
        values[i] = exp(1.2 * gauss());
        total += values[i] / N;
    }
    for (int i = 0; i < N; i++) {
        const double d = (values[i] - total) / N;
        square += d * d;
        cube += d * d * d;
    }
    for (int b = 0; b < B; b++) {
        resampled[b] = 0;
        for (int i = 0; i < N; i++) {
            resampled[b] += values[(int)(uniform() * N)] / N;
        }
    }
    const double a = cube / (6 * pow(square, 1.5));
    alm_bca(resampled, B, total, a, &low[0], &high[0]);
    alm_bca(resampled, B, total, 2 * a, &low[1], &high[1]);
    const alm_stratum s = stratum_of(table, values, N, 6);
    const alm_bootstrap_options options = {.resamples = B};
    alm_estimate e[3];
    ALM_REQUIRE_OK(alm_bootstrap(&s, 1, &mean, 1, &options, e));
    for (int pooled = 0; pooled < 3; pooled++) { /* one stratum: the pooled means are the same */
        ALM_CHECK_NEAR(e[pooled].low, low[0], 0.09 * sqrt(square));
        ALM_CHECK_NEAR(e[pooled].high, high[0], 0.09 * sqrt(square));
    }
    ALM_CHECK(high[1] - high[0] > 0.2 * sqrt(square));
}

/* The same for the micro average of two strata that lie far apart: draws vary within each only, so
 * the influences are centred there. Without that the acceleration would be near 0 (checked). */
ALM_TEST(statistics, strata_do_not_add_to_the_acceleration)
{
    enum { N = 20, B = 100000 };
    static double values[2 * N], table[2 * N][ALM_SUMS], resampled[B];
    double part[2] = {0}, square = 0, cube = 0, low[2], high[2];
    state = 77;
    for (int i = 0; i < 2 * N; i++) {
        values[i] = exp(1.2 * gauss()) + (i < N ? 0 : 50);
        part[i / N] += values[i] / N;
    }
    for (int i = 0; i < 2 * N; i++) {
        const double d = (values[i] - part[i / N]) / (2 * N);
        square += d * d;
        cube += d * d * d;
    }
    for (int b = 0; b < B; b++) {
        resampled[b] = 0;
        for (int i = 0; i < 2 * N; i++) {
            resampled[b] += values[i / N * N + (int)(uniform() * N)] / (2 * N);
        }
    }
    const double total = (part[0] + part[1]) / 2;
    alm_bca(resampled, B, total, cube / (6 * pow(square, 1.5)), &low[0], &high[0]);
    alm_bca(resampled, B, total, 0, &low[1], &high[1]);
    const alm_stratum both = stratum_of(table, values, 2 * N, 6);
    alm_stratum s[2] = {both, both};
    s[0].count = s[1].count = N;
    s[1].table += N;
    s[1].key = 7;
    const alm_bootstrap_options options = {.resamples = B};
    alm_estimate e[4];
    ALM_REQUIRE_OK(alm_bootstrap(s, 2, &mean, 1, &options, e));
    for (int pooled = 2; pooled < 4; pooled++) { /* of equal size: micro and macro are the same */
        ALM_CHECK_NEAR(e[pooled].low, low[0], 0.09 * sqrt(square));
        ALM_CHECK_NEAR(e[pooled].high, high[0], 0.09 * sqrt(square));
    }
    ALM_CHECK(high[0] - high[1] > 0.15 * sqrt(square));
}

/* Φ(-1.96) = 0.025; with a = 0.1, by hand: Φ(-1.96/1.196) = 0.0506, Φ(1.96/0.804) = 0.99261; with
 * half of the resamples moved, z0 = Φ⁻¹(0.6) = 0.2533: Φ(2·0.2533 ∓ 1.96) = 0.0731, 0.9932. */
ALM_TEST(statistics, bca_bounds_are_the_order_statistics_of_the_formula)
{
    enum { B = 9999 };
    static double values[B];
    double low, high;
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < B; i++) {
            values[i] = (i * 7 + 3) % B + 1; /* 1 ... B in another order: gcd(7, 9999) = 1 */
        }
        alm_bca(values, B, k == 2 ? 6000 : 5000, k == 1 ? 0.1 : 0, &low, &high);
        static const double expected[3][2] = {{250, 9750}, {506, 9926}, {731, 9932}};
        ALM_CHECK_NEAR(low, expected[k][0], 1);
        ALM_CHECK_NEAR(high, expected[k][1], 1);
    }
}

ALM_TEST(statistics, a_proportion_of_one_has_the_exact_bound)
{
    double ones[10], zeros[10] = {0}, table[10][ALM_SUMS];
    for (int i = 0; i < 10; i++) {
        ones[i] = 1;
    }
    const alm_bootstrap_options options = {.resamples = 100};
    alm_estimate e[3];
    alm_stratum s = stratum_of(table, ones, 10, 1);
    ALM_REQUIRE_OK(alm_bootstrap(&s, 1, &share, 1, &options, e));
    ALM_CHECK_INT(e[0].kind, ALM_INTERVAL_EXACT);
    ALM_CHECK_NEAR(e[0].low, pow(0.025, 0.1), 1e-12);
    ALM_CHECK(e[0].high == 1);
    s = stratum_of(table, zeros, 10, 1);
    ALM_REQUIRE_OK(alm_bootstrap(&s, 1, &share, 1, &options, e));
    ALM_CHECK_INT(e[0].kind, ALM_INTERVAL_EXACT);
    ALM_CHECK_NEAR(e[0].high, 1 - pow(0.025, 0.1), 1e-12);
    ALM_CHECK(e[0].low == 0);
    ALM_REQUIRE_OK(alm_bootstrap(&s, 1, &mean, 1, &options, e)); /* not said to be a proportion */
    ALM_CHECK_INT(e[0].kind, ALM_INTERVAL_POINT);
    s.count = 1;
    ALM_REQUIRE_OK(alm_bootstrap(&s, 1, &share, 1, &options, e));
    ALM_CHECK_INT(e[0].kind, ALM_INTERVAL_NONE);
    ALM_CHECK(e[0].known);
    s.count = 0;
    ALM_REQUIRE_OK(alm_bootstrap(&s, 1, &share, 1, &options, e));
    ALM_CHECK(!e[0].known && !e[1].known && !e[2].known);
}

/* By hand: stratum 1 has 12/3 rows, stratum 2 has 6/1, stratum 3 nothing. Micro 18/4, macro (4 +
 * 6)/2. */
ALM_TEST(statistics, pooled_means_are_micro_and_macro)
{
    static const double one[2][ALM_SUMS] = {{10, 2, 1, 1}, {2, 1, 0, 0}};
    static const double two[1][ALM_SUMS] = {{6, 1, 0, 0}};
    static const double three[1][ALM_SUMS] = {{0}};
    const alm_stratum strata[3] = {{.table = one, .count = 2, .key = 1},
                                   {.table = two, .count = 1, .key = 2},
                                   {.table = three, .count = 1, .key = 3}};
    static const alm_ratio ratios[2] = {{SUM, COUNT, false}, {OTHER_SUM, OTHER_COUNT, false}};
    const alm_bootstrap_options options = {.resamples = 1000};
    alm_estimate e[5][2];
    ALM_REQUIRE_OK(alm_bootstrap(strata, 3, ratios, 2, &options, e[0]));
    ALM_CHECK(e[0][0].value == 4 && e[1][0].value == 6 && !e[2][0].known);
    ALM_CHECK(e[3][0].value == 4.5 && e[4][0].value == 5);
    ALM_CHECK_INT(e[3][0].clusters, 3);
    ALM_CHECK_INT(e[4][0].clusters, 3);
    /* The other ratio is known in one cluster; a quarter of the resamples does not have it. */
    ALM_CHECK(e[0][1].known && e[0][1].value == 1 && e[0][1].kind == ALM_INTERVAL_NONE);
    ALM_CHECK_INT(e[0][1].clusters, 1);
    ALM_CHECK(fabs((double)e[0][1].resamples - 750) < 5 * sqrt(1000 * 0.25 * 0.75));
    ALM_CHECK(!e[1][1].known && e[4][1].value == 1);
    /* Resampled macro means: (8/2 or 20/4 or 4/2 ...: 5, 4, 2) and 6, halved. */
    ALM_CHECK(e[4][0].low >= 4 - 1e-12 && e[4][0].high <= 5.5 + 1e-12);
}

/* Normal values: the interval of the mean of 200 holds the true mean in 94.6 % of trials (95 % less
 * what the bootstrap lacks in the t distribution's tail and the n/(n-1)); over 1,000 trials one
 * standard deviation is 0.7 %, so 93 to 97 % is what must be seen, 2.3 and 3.4 of them away. */
ALM_TEST(statistics, intervals_cover_the_true_mean_in_95_of_100_trials)
{
    enum { N = 200, TRIALS = 1000 };
    static double values[N], table[N][ALM_SUMS];
    int covered = 0;
    state = 20260101;
    for (int t = 0; t < TRIALS; t++) {
        for (int i = 0; i < N; i++) {
            values[i] = 3 + gauss();
        }
        const alm_stratum s = stratum_of(table, values, N, (uint64_t)t);
        const alm_bootstrap_options options = {.resamples = 1000};
        alm_estimate e[3];
        ALM_REQUIRE_OK(alm_bootstrap(&s, 1, &mean, 1, &options, e));
        covered += e[0].low <= 3 && 3 <= e[0].high;
    }
    ALM_CHECK(covered >= 930 && covered <= 970);
}

/* Five rows of a sample that are nearly the same: only the interval over samples covers. Taking the
 * rows as independent makes it narrower by √5, so that it covers in 2Φ(1.96/√5) - 1 = 62 %. */
ALM_TEST(statistics, rows_of_one_sample_must_stay_together)
{
    enum { N = 100, ROWS = 5, TRIALS = 300 };
    static double table[N][ALM_SUMS], rows[N * ROWS], row_table[N * ROWS][ALM_SUMS];
    int covered = 0, naive = 0;
    state = 5;
    for (int t = 0; t < TRIALS; t++) {
        memset(table, 0, sizeof table);
        for (int i = 0; i < N; i++) {
            const double value = gauss();
            for (int k = 0; k < ROWS; k++) {
                rows[i * ROWS + k] = value + 0.01 * gauss();
                table[i][SUM] += rows[i * ROWS + k];
                table[i][COUNT] += 1;
            }
        }
        const alm_stratum s[2] = {
            {.table = (const double(*)[ALM_SUMS])table, .count = N, .key = (uint64_t)t},
            stratum_of(row_table, rows, N * ROWS, (uint64_t)t)};
        const alm_bootstrap_options options = {.resamples = 1000};
        alm_estimate e[4];
        ALM_REQUIRE_OK(alm_bootstrap(s, 2, &mean, 1, &options, e));
        covered += e[0].low <= 0 && 0 <= e[0].high;
        naive += e[1].low <= 0 && 0 <= e[1].high;
    }
    ALM_CHECK(covered >= 273); /* 94.3 % less 2.4 standard deviations of 1.34 % */
    ALM_CHECK(naive <= 228);   /* 62 % and 5 of 2.8 % */
}

ALM_TEST(statistics, results_depend_on_neither_threads_nor_places)
{
    enum { N = 50 };
    static double values[N], table[2][N][ALM_SUMS];
    state = 11;
    for (int i = 0; i < N; i++) {
        values[i] = uniform() < 0.1 ? 0 : exp(gauss());
    }
    alm_stratum s[2] = {stratum_of(table[0], values, N, 77), stratum_of(table[1], values, 20, 5)};
    alm_bootstrap_options options = {.seed = 4, .resamples = 3000};
    alm_estimate a[4], b[4], c[4], d[4];
    double p[4], q[4];
    memset(a, 0, sizeof a);
    memset(b, 0, sizeof b);
    ALM_REQUIRE_OK(alm_bootstrap(s, 2, &mean, 1, &options, a));
    ALM_REQUIRE_OK(alm_sign_flip(s, 2, &mean, 1, &options, p));
    ALM_REQUIRE_OK(alm_pool_create(3, &options.pool));
    ALM_REQUIRE_OK(alm_bootstrap(s, 2, &mean, 1, &options, b));
    ALM_REQUIRE_OK(alm_sign_flip(s, 2, &mean, 1, &options, q));
    ALM_CHECK(memcmp(p, q, sizeof p) == 0);
    for (int k = 0; k < 4; k++) {
        ALM_CHECK(a[k].low == b[k].low && a[k].high == b[k].high && a[k].value == b[k].value &&
                  a[k].standard_error == b[k].standard_error);
    }
    const alm_stratum swapped[2] = {s[1], s[0]};
    ALM_REQUIRE_OK(alm_bootstrap(swapped, 2, &mean, 1, &options, c));
    ALM_CHECK(a[0].low == c[1].low && a[0].high == c[1].high && a[1].low == c[0].low);
    options.seed = 5;
    ALM_REQUIRE_OK(alm_bootstrap(s, 2, &mean, 1, &options, d));
    ALM_CHECK(a[0].standard_error != d[0].standard_error);
    alm_pool_destroy(options.pool);
    options.resamples = -1;
    ALM_CHECK_STATUS(alm_bootstrap(s, 2, &mean, 1, &options, d), ALM_STATUS_USAGE);
    ALM_CHECK_STATUS(alm_sign_flip(s, 2, &mean, 1, &options, q), ALM_STATUS_USAGE);
}

/* A part of a table by its rows is the same stratum as a table of these rows. */
ALM_TEST(statistics, members_choose_rows_of_a_table)
{
    static const double values[5] = {9, 1, 4, 7, 2}, chosen[3] = {2, 9, 4};
    static const int32_t member[3] = {4, 0, 2};
    double table[5][ALM_SUMS], other[3][ALM_SUMS];
    alm_stratum a = stratum_of(table, values, 5, 8);
    a.member = member;
    a.count = 3;
    const alm_stratum b = stratum_of(other, chosen, 3, 8);
    const alm_bootstrap_options options = {.resamples = 500};
    alm_estimate x[3], y[3];
    ALM_REQUIRE_OK(alm_bootstrap(&a, 1, &mean, 1, &options, x));
    ALM_REQUIRE_OK(alm_bootstrap(&b, 1, &mean, 1, &options, y));
    ALM_CHECK(x[0].value == 5 && x[0].value == y[0].value);
    ALM_CHECK(x[0].low == y[0].low && x[0].high == y[0].high);
}

ALM_TEST(statistics, draws_are_limited)
{
    const alm_bootstrap_options few = {0}, many = {.resamples = 150000};
    ALM_CHECK_INT(alm_resamples_of(&few, 0), 10000);
    ALM_CHECK_INT(alm_resamples_of(&few, 20000), 10000);
    ALM_CHECK_INT(alm_resamples_of(&few, 40000), 5000);
    ALM_CHECK_INT(alm_resamples_of(&few, 2000000000), 1000);
    ALM_CHECK_INT(alm_resamples_of(&many, 1300), 150000);
}

/* t(0.975) from printed tables: 12.706, 4.303, 2.262 (9), 2.042 (30), 2.000 (60), 1.980 (120). */
ALM_TEST(statistics, spread_over_seeds_uses_student)
{
    static const double values[3] = {1, 2, 3};
    const alm_spread s = alm_spread_of(values, 3);
    ALM_CHECK_NEAR(s.mean, 2, 0);
    ALM_CHECK_NEAR(s.deviation, 1, 0);
    ALM_CHECK_NEAR(s.low, 2 - 4.302652730 / sqrt(3), 1e-9);
    ALM_CHECK_NEAR(s.high, 2 + 4.302652730 / sqrt(3), 1e-9);
    const alm_spread one = alm_spread_of(values, 1), none = alm_spread_of(values, 0);
    ALM_CHECK(one.mean == 1 && isnan(one.deviation) && isnan(one.low) && isnan(one.high));
    ALM_CHECK(isnan(none.mean));
    static const double table[6][2] = {{1, 12.706}, {2, 4.303},  {9, 2.262},
                                       {30, 2.042}, {60, 2.000}, {120, 1.980}};
    for (int k = 0; k < 6; k++) {
        ALM_CHECK_NEAR(alm_student((int)table[k][0]), table[k][1], 0.0005);
    }
    ALM_CHECK_NEAR(alm_student(1000000), 1.959966, 1e-6);
    ALM_CHECK(alm_student(30) > alm_student(31) && alm_student(31) > 2.03951 &&
              alm_student(31) < 2.03952); /* no step where the table ends */
}

/* 1 + 2 + 3 - 1 = 5. Of 16 signs, |T*| is 7 twice and 5 four times: 6/16. */
ALM_TEST(statistics, sign_flip_of_four_is_what_enumeration_says)
{
    static const double values[4] = {1, 2, 3, -1}, zeros[4] = {0};
    double table[4][ALM_SUMS], p[3];
    const alm_bootstrap_options options = {0};
    alm_stratum s = stratum_of(table, values, 4, 1);
    ALM_REQUIRE_OK(alm_sign_flip(&s, 1, &mean, 1, &options, p));
    ALM_CHECK(p[0] == 0.375 && p[1] == 0.375 && p[2] == 0.375);
    s = stratum_of(table, zeros, 4, 1);
    ALM_REQUIRE_OK(alm_sign_flip(&s, 1, &mean, 1, &options, p));
    ALM_CHECK(p[0] == 1);
    s.count = 0;
    ALM_REQUIRE_OK(alm_sign_flip(&s, 1, &mean, 1, &options, p));
    ALM_CHECK(isnan(p[0]) && isnan(p[1]) && isnan(p[2]));
}

/* 18 differences: random signs against all 262,144; 5 standard errors of a share of 10,000. */
ALM_TEST(statistics, random_signs_come_near_to_all_signs)
{
    enum { N = 18 };
    double values[N], table[N][ALM_SUMS], p[3], total = 0;
    state = 9;
    for (int i = 0; i < N; i++) {
        values[i] = gauss() + 0.4;
        total += values[i];
    }
    int reached = 0;
    for (int bits = 0; bits < 1 << N; bits++) {
        double t = 0;
        for (int i = 0; i < N; i++) {
            t += bits >> i & 1 ? -values[i] : values[i];
        }
        reached += fabs(t) >= fabs(total) - 1e-12;
    }
    const double exact = reached / (double)(1 << N);
    const alm_stratum s = stratum_of(table, values, N, 1);
    const alm_bootstrap_options options = {.seed = 1};
    ALM_REQUIRE_OK(alm_sign_flip(&s, 1, &mean, 1, &options, p));
    ALM_CHECK(exact > 0.001 && exact < 0.999);
    ALM_CHECK_NEAR(p[0], exact, 5 * sqrt(exact * (1 - exact) / 10000) + 1e-4);
    /* 20 equal ones: nothing reaches it but by chance of 2^-19. */
    double ones[20], one_table[20][ALM_SUMS];
    for (int i = 0; i < 20; i++) {
        ones[i] = 1;
    }
    const alm_stratum o = stratum_of(one_table, ones, 20, 1);
    ALM_REQUIRE_OK(alm_sign_flip(&o, 1, &mean, 1, &options, p));
    ALM_CHECK(p[0] >= 1.0 / 10001 && p[0] <= 2.0 / 10001);
}

/* Four samples of 1 and, elsewhere, one of -1. Micro: |T*| >= 3 for 12 of 32 signs. Macro: the
 * means 1 and -1 add up to 0, which everything reaches. */
ALM_TEST(statistics, sign_flip_pools_totals_and_means)
{
    static const double four[4] = {1, 1, 1, 1}, one[1] = {-1};
    double table[2][4][ALM_SUMS], p[4];
    const alm_stratum s[2] = {stratum_of(table[0], four, 4, 1), stratum_of(table[1], one, 1, 2)};
    const alm_bootstrap_options options = {0};
    ALM_REQUIRE_OK(alm_sign_flip(s, 2, &mean, 1, &options, p));
    ALM_CHECK(p[0] == 0.125 && p[1] == 1 && p[2] == 0.375 && p[3] == 1);
}

/* 30,000 signs with a total of 340: p = 2(1 - Φ(340/√30000)), and the pooled total of two such
 * halves is that of the whole. */
ALM_TEST(statistics, many_signs_have_their_limit)
{
    enum { N = 30000 };
    static double values[N], table[N][ALM_SUMS];
    double p[4];
    for (int i = 0; i < N; i++) {
        values[i] = i < 15170 ? 1 : -1;
    }
    const alm_stratum all = stratum_of(table, values, N, 1);
    const alm_bootstrap_options options = {.resamples = 100};
    ALM_REQUIRE_OK(alm_sign_flip(&all, 1, &mean, 1, &options, p));
    ALM_CHECK_NEAR(p[0], 2 * (1 - normal(340 / sqrt(N))), 1e-9);
    alm_stratum halves[2] = {all, all};
    halves[0].count = N / 2;
    halves[1].table += N / 2;
    halves[1].count = N / 2;
    const double whole = p[0];
    ALM_REQUIRE_OK(alm_sign_flip(halves, 2, &mean, 1, &options, p));
    ALM_CHECK_NEAR(p[2], whole, 1e-12);
    ALM_CHECK_NEAR(p[3], whole, 1e-9);
}

ALM_TEST(statistics, mcnemar_is_the_binomial_tail)
{
    ALM_CHECK(alm_mcnemar(1, 9) == 22.0 / 1024 && alm_mcnemar(9, 1) == 22.0 / 1024);
    ALM_CHECK(alm_mcnemar(0, 0) == 1 && alm_mcnemar(5, 5) == 1 && alm_mcnemar(0, 1) == 1);
    ALM_CHECK(alm_mcnemar(0, 6) == 2.0 / 64);
    static const int pairs[3][2] = {{400, 600}, {9000, 9300}, {3, 60}};
    for (int k = 0; k < 3; k++) {
        const int b = pairs[k][0], n = pairs[k][0] + pairs[k][1];
        double sum = 0;
        for (int i = 0; i <= b; i++) {
            sum += exp(lgamma(n + 1.0) - lgamma(i + 1.0) - lgamma(n - i + 1.0) - n * log(2));
        }
        /* lgamma of 18,300 is 161,000 with a relative error of 2^-53. */
        ALM_CHECK_NEAR(alm_mcnemar(b, pairs[k][1]) / (2 * sum), 1, 1e-9);
    }
    ALM_CHECK(alm_mcnemar(10, 100000) == 0);
    ALM_CHECK_NEAR(alm_mcnemar(500000, 500001), 1, 1e-12);
}

ALM_TEST(statistics, quantiles_are_values)
{
    float v[4] = {3, 1, 4, 2};
    alm_sort_floats(v, 4);
    ALM_CHECK(alm_quantile(v, 4, 0.5) == 2 && alm_quantile(v, 4, 0.75) == 3);
    ALM_CHECK(alm_quantile(v, 4, 0.76) == 4 && alm_quantile(v, 4, 0.05) == 1);
    ALM_CHECK(alm_quantile(v, 4, 1) == 4 && alm_quantile(v, 1, 0.95) == 1);
}
