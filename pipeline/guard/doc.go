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
package guard
