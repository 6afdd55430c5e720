// Package guard stands between an extractor, whatever it is, and a record.
//
// Ground judges one claimed value against the text that it is said to come
// from: a number must be a number of the text, in a unit that converts exactly
// to the claimed one; words must be consecutive whole words of the text; or
// the value must be that of a dictionary or standard entry whose name stands in
// the text. Nothing is grounded by resemblance: M10 X 60 is not in M10 X 50,
// nor 15 V in -15 V, nor 100 pF in 100 nF.
//
// Check holds a whole record against its source and the fields of its
// category: spans and texts, provenance, grounding, types, units, allowed
// values, plausible ranges, and the order of values that are easily swapped.
// Enforce takes out what Check rejects and flags it. One bad value never takes
// the record with it.
//
// Three more rooms guard the way to a model and back. Scrub replaces personal
// data by placeholders that Restore turns back; what could as well be a part
// number or barcode counts only beside a word that names it. Screen looks for
// instructions hidden in what should be data. ReadReply reads the JSON of an
// answer, strictly or with repairs that each cost confidence, and never invents
// a value that is not there.
package guard
