// Package breaker is the circuit breaker of feeds and stages: a pure state
// machine over windows of quality samples, without a clock or a database.
//
// A breaker is closed, open or half-open. It opens
//
//   - at once, when a sample carries a violation (a failed check that fails the
//     batch, a schema mismatch);
//   - when a metric over the window of the last batches, weighted by their
//     rows, lies beyond its threshold, and the window has rows enough to say so;
//   - on an explicit command, with a name and a reason.
//
// While it is open, batches are held or published with a warning, as the
// fallback says; after a cooldown, which doubles with each opening in a row,
// or earlier when somebody says that the cause is mended, it is half-open. Then whole batches are probes: one that is held on its own
// merits, or lies beyond a threshold, opens it again; Probes good ones close
// it. Good is a batch within the stricter Clear side of every threshold; one
// between the two neither counts nor opens, so that a feed at the edge does
// not flap.
//
// Step folds one sample into the state, and takes every time from it: the
// state is the fold of the stored samples in the order of decision, whoever
// computes it and however often. The cases in testdata are the specification;
// testdata/README.md explains their language.
package breaker
