// Package learn proposes dictionary entries from labelled examples.
//
// An example is a text, its category, and what people say it states: the value
// of each attribute as it stands in the text and, where it differs, as it is to
// be kept ("4in", 10.2). From examples a Dictionary learns by counting, and by
// nothing else, so that every part of it can be looked at:
//
//   - entries: how often a piece of text is a value of an attribute, and how
//     often it stands in a text of the category without being one;
//   - words: which words stand inside, at the edges of, and beside values;
//   - forms: what values look like (9mm, A9-9), how long they are, where in the
//     text they stand;
//   - normal forms: which of a fixed list of conversions turns what is written
//     into what is kept (a number in centimetres, without punctuation, a class
//     of its words), by how often each is right.
//
// Find weighs these as sums of log-likelihood ratios against the other pieces
// of text of the category, and takes the best piece for the attribute that is
// asked for, or none when the sum stays below the threshold, which was chosen
// on the examples themselves, by cross-validation.
//
// Expander does the same for abbreviations in running text: token by token, by
// the reading that its neighbours make most likely.
//
// Nothing learnt is used silently. Propose turns it into entries with their
// counts, for a person to read and copy into a pack.
package learn
