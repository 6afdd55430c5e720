// Package stats judges whether answers have become worse, without crying wolf.
//
// A suite is locked: every item is answered ten times, and the scores are kept.
// Each night it is answered once more, and compared with the locked scores item
// by item. Two point scores are no comparison: with 100 items and no change at
// all, they differ by more than two points on most nights. So Rule trips only
// when all of this holds:
//
//   - the bootstrap 95 % interval of the mean difference, paired and clustered
//     by item, lies below zero;
//   - the drop exceeds the tolerance of the suite;
//   - an immediate second run says the same of itself;
//   - both runs together are more surprising than thirty nights without change
//     explain: under no change the runs of an item are exchangeable, so that the
//     two new ones may be any two of the twelve, and that is tested exactly
//     (Judge says how).
//
// The last condition bounds the false trips of a month by MonthlyError whatever
// the noise of the items, since it is exact in level for each night. Plan says
// what can be found with so many items, and Simulation proves all of it with
// seeded months; docs/evals-statistics.md has its table.
//
// Live answers have no gold. For them there are permutation tests of
// distributions (Labels, Values) with an effect that has to be exceeded as
// well, and a cumulative sum for what moves slowly (Cusum).
//
// Scores are 0 to 1 and higher is better; differences are now minus baseline.
// Everything is deterministic: the caller gives the seed.
package stats
