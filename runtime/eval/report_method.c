/* What reports say about their numbers: formulas and sources. */
#include "runtime/eval/report_parts.h"

const almi_method almi_methods[] = {
    {"Rows, samples, clusters",
     "A row is one sample (idx) of a dataset and split under one seed. The rows of a sample under "
     "several seeds are not independent, so the sample is the unit that is resampled, with all its "
     "rows. A mean over rows is sum(S_i) / sum(C_i) over samples i, S_i the sum and C_i the number "
     "of the values of sample i."},
    {"Metrics of the reference",
     "GD: angle of R_true^T R_pred in degrees. RMSE(T): root of the mean squared difference of the "
     "translation's coordinates. CD: half the sum of both mean squared nearest distances between "
     "the moving part where it belongs and where it was put; CD(R): the same with the true "
     "translation. PA(x): share of rows with CD < x. Means are over rows with a valid pose; the "
     "others are counted."},
    {"Symmetric GD",
     "min over S of the angle of (R_true S)^T R_pred, S over the rotations that take the part's "
     "own "
     "cloud onto itself within a tolerance (a continuous axis: over all turns about it). A part "
     "without a symmetry has symmetric GD = GD. GD of asymmetric parts: the mean of GD over rows "
     "of parts without a symmetry."},
    {"Intervals over samples",
     "95 % BCa bootstrap (Efron 1987, JASA 82:171; Efron & Tibshirani 1993, 14.3): z0 = "
     "inverse-normal(share of resampled means below the mean, ties half), a = sum(d^3) / "
     "(6 sum(d^2)^1.5) with d_i = (S_i - mean C_i) / sum(C); the bounds are the order statistics "
     "at "
     "normal(z0 + (z0 +- 1.96) / (1 - a (z0 +- 1.96))). Pooled means resample each dataset by "
     "itself (Davison & Hinkley 1997, 3.2). A proportion that is 0 or 1 has the exact interval of "
     "Clopper & Pearson (1934) with samples as trials. They tell what other samples of the same "
     "kind would give."},
    {"Intervals over seeds",
     "mean +- t(k-1, 0.975) s / sqrt(k) of the k seeds' means (Student 1908). They tell what other "
     "seeds (other draws of rotations, points and selection) would give on the same data, and with "
     "few seeds they are wide. A bootstrap of few seeds would be too narrow, so it is not used."},
    {"Micro and macro average",
     "Micro: over all rows of all datasets of a split. Macro: mean of the datasets' means. Train "
     "and test are never mixed."},
    {"Worst and typical samples",
     "Worst: samples by falling CD, each once, under its worst seed. Typical: the rows at 25, 50 "
     "and 75 % of CD. CD is used because it does not punish a symmetric part that is turned onto "
     "itself."},
};
const int almi_method_count = sizeof almi_methods / sizeof almi_methods[0];

const almi_method almi_compare_methods[] = {
    {"Pairs",
     "A pair is a row of A and a row of B of the same dataset, split, seed, idx and asset. "
     "Differences are B - A, over pairs in which both have a valid pose; shares of valid poses and "
     "PA(0.01) of all rows are over all pairs. What only one run has is counted and left out."},
    {"Interval of a difference",
     "95 % BCa bootstrap over samples, a sample with its pairs of all seeds (Efron 1987, JASA "
     "82:171)."},
    {"p",
     "Two-sided permutation test: if the runs do not differ, the sign of a sample's difference "
     "(summed over its seeds) is a coin (Fisher 1935). Up to 13 samples that differ: all signs; up "
     "to 20,000: random signs, p = (1 + number reached) / (1 + number drawn) (Phipson & Smyth "
     "2010); more: the normal limit. p is for one metric and is not corrected for looking at "
     "several."},
    {"Wins, losses, ties",
     "Pairs in which B is better, worse, equal; equal means the same float32 value."},
    {"McNemar",
     "For PA: pairs that only A and that only B assembles (a row without a valid pose does not). "
     "p = min(1, 2 sum_{k <= min(b,c)} C(b+c,k) / 2^(b+c)), the exact test (McNemar 1947). It "
     "takes "
     "pairs as independent: with several seeds the permutation p is the one to quote."},
};
const int almi_compare_method_count = sizeof almi_compare_methods / sizeof almi_compare_methods[0];
