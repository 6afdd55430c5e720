// Package evals watches the pipeline's own answers: whether they are still as
// good as they were when somebody looked at them and locked them.
//
// # Suites and golden sets
//
// A suite (suites/NAME.yaml) names a task, a golden set, the scorers with their
// weights and thresholds, the slices that are looked at, the drop that is
// tolerated and the invariants that must never break. A golden set
// (golden/NAME.jsonl) has one case per line: what goes in, and what a person who
// knows the trade would answer. README.md beside this file describes both.
// Reading is strict: every mistake is named with file and line, all together.
//
// # Scores
//
// A case is answered by what the project is configured with, and each scorer
// gives it a value in 0..1, or nothing where it does not apply. The score of a
// case is the mean of the scorers that have a weight. A case that could not be
// answered or scored is an error: it is neither right nor wrong, and it is never
// counted as either.
//
// # Baselines
//
// Lock runs a suite ten times (once where every part is deterministic) and keeps
// the score of every case with the versions of all that made it: contract,
// knowledge, prompt, model, embedder, matcher. A later run is compared with it
// case by case. It trips where the interval of the paired difference lies below
// zero, and the drop is larger than the suite tolerates, and a second run says
// the same. An invariant that breaks trips at once. A run that did not finish is
// never compared and never becomes a baseline.
package evals
