// Package sample makes the sample feeds: an ERP extract of a catalog from three
// plants in two languages, and ten days of orders. It makes them from a seed,
// and it knows the truth, so that what the pipeline answers can be scored.
//
// # How the catalog is made
//
// First the world: products with typed facts (families: bearings, screws, nuts,
// washers and motors in depth; pumps, valves, seals and cables beside). No two
// products agree in all critical facts. Beside every fourth product stands a
// near twin: the same but for one critical fact (6205-2RS and 6205-ZZ, M8x20
// and M8x25, 1.5 kW and 15 kW, left and right thread).
//
// Then the words: each product is described once to three times, by the habits
// of a plant (language, order, separators, capitals, decimal comma, length of
// the field, kW or W or HP, mm or inch), with words left out, shortened and
// misspelt. Two lines of one product are duplicates.
//
// # What is fair
//
// A line that leaves out a critical fact and has no part number could mean more
// than one product: it is thin. A pair of lines of one product is a duplicate
// that must be found when both lines give every critical fact, or both give the
// part number; otherwise nobody could tell, and the pair is left out of the
// recall (Truth.Undecidable). To call such a pair duplicate is no mistake
// either, as long as it is true. What custom leaves unwritten counts as
// written: an open bearing, normal clearance, a right-hand thread, coarse
// pitch, a motor for three phases and 50 Hz, in IP55. A bearing that is told by
// its size alone, without any suffix, says nothing of seal and clearance.
// Numbers and codes are never misspelt: a wrong digit is another product.
//
// # What is held apart from the readers
//
// The figures would mean nothing if the generator wrote from the lists that the
// pipeline reads with. Words of the trade (Rillenkugellager, SKF, M10, DIN 933,
// 2RS) are facts and stand on both sides. What is held apart is everything
// derived from them: every abbreviation and every typo is made when a line is
// written, by the rules in shorten.go, from the whole word. This package
// imports neither contracts nor quantity, knowledge, parse or catalog; a test
// asserts that no word of its terms shortens another, and that most of the
// forms that it makes stand in no dictionary.
//
// # Orders and their faults
//
// Ten daily files. Every kind of fault (a null in a required column, an epoch
// for a date, a quote that never closes …) has a harmless twin that looks as
// bad and must pass (a leap day, an escaped quote, a value exactly at its
// bound). On one day the exporting system wrote seconds since 1970 into the
// date column: that file must be held as a whole.
package sample
