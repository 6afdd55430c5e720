// Package quantity reads numbers and units as catalogs write them, brings them
// into one unit per dimension, and compares them.
//
// Scan walks over a text once and returns every number with its unit, its sign
// and its span: 1.5KW, 10-30 V, 1 1/2", 25x52x15 mm, ±5%, 4K7. Designations
// reads what several of them mean together: a metric thread, a product of
// dimensions, the cores of a cable, DN50.
//
// Values are Decimals: exact, so that 0.1 + 0.2 is 0.3 and an inch is 25.4 mm.
// Units are UCUM codes. Convert follows the UCUM definitions in exact
// fractions; only logarithmic scales (pH, decibel) go through floating point.
// ValidUCUM and ParseUnit read the whole grammar of the standard: prefixes,
// exponents, parentheses, annotations, special units.
//
// Every dimension has one canonical unit, listed beside the Dimension
// constants, in which values are stored and compared.
//
// What a symbol means depends on who writes it. Case tells units apart where
// the text has both cases (mW, MW) and is forgiven where only one reading
// exists (KW). A symbol that stays ambiguous (K, M, in, MW in a text of
// capitals) has no Unit but Readings; Options.Expect, or Quantity.Resolve
// later, picks the reading of the dimension that an attribute has. A comma or
// point before exactly three digits keeps the other reading in Alt unless the
// language is known.
//
// The scanner is written by hand, looks at each byte a bounded number of times
// and allocates only for its results. Runs of more than 40 digits are no
// numbers.
package quantity
