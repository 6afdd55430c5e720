// Package stats has the statistics that judge data and answers: a mergeable
// row sample, quantiles and histograms, distances between distributions,
// permutation tests and intervals. Everything is deterministic: where chance is
// needed, the caller gives the seed.
package stats
