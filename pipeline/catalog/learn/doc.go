// Package learn is the matcher that learns from labelled pairs of text
// records, for catalogs that no schema describes.
//
// A Space holds two tables with one vocabulary. Each pair has features:
// agreement of words and character 3-grams weighted by rarity, part numbers
// found in the other text, measures, colours, years, makers and prices that
// agree or contradict, and how matches and mismatches of the training pairs
// used the words that only one side has. Columns are told by their names
// (title or name, manufacturer or brand, modelno, price, category); every
// other column is text.
//
// A model has two stages. The first judges a pair alone, by logistic
// regression and by boosted trees. The second also sees how the pair stands
// against the other candidates of either record: most mistakes of a pairwise
// judge are pairs that fit well where another fits better. The model is an
// ensemble over folds; what each member says of its own held-out fold chooses
// the mixture, the calibration and the threshold, so that no other data are
// needed. Training is deterministic: the same labels give the same bytes.
//
// Without labels, Rules weighs the same features by hand.
//
// The model never overrules a veto: where a schema knows that two items
// conflict in a critical attribute, nobody asks it.
package learn
