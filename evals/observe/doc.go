// Package observe watches live answers, for which nobody wrote down what is
// right.
//
// Of the items that the parse stage reads, a share is sampled by the hash of
// their ids. Each sampled record becomes an Answer: not its text and not its
// values, but what can be told of them without gold. How much of it the text
// carries, how far the built-in rules agree with it, whether it abstained, how
// confident it is, which attributes it has, what shape its decision trace has.
//
// The first answers of a version (of knowledge, model and prompts together) lock
// the live baseline by themselves, fifty by default. It is stored and never
// replaced: a new version locks one beside it, and who wants another one of the
// same version gives a name and a reason. Every further hundred answers are a
// window, and Judge compares it with the baseline. A signal drifts where its
// effect exceeds the threshold and a permutation test, corrected for the number
// of signals, says that chance does not explain it: with a hundred answers PSI
// and its like exceed their usual limits most of the time although nothing moved.
// What moves too slowly for a window is found by a cumulative sum over all
// answers since the lock. A number without a source, personal data or a word of
// the prompt in a record need no statistics.
//
// Canary queries with known answers are asked of the live index; their precision
// is compared query by query. Package flow samples, stores and judges within the
// transaction of a shard, and a drift opens the breaker of the stage, of one
// category or of one model.
package observe
