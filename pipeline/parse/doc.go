// Package parse turns the text of an item into a typed record.
//
// An Extractor is untrusted, whatever it is: rules, a model, a person's list.
// It proposes values with their spans. The Parser around it is what can be
// relied on, and it is one concrete type, so that nothing can be left out:
//
//  1. classify: a trusted column where it names a category, else the
//     dictionaries over the text, with the other columns speaking along; an item
//     that cannot be told apart is unknown, which is an answer;
//  2. extract: the Extractor proposes;
//  3. complete: values that follow from a standard, a size table or another
//     value are added with that entry as evidence, and what contradicts them
//     is flagged;
//  4. guard: every value must stand in the text, or in the entry that it
//     names; what does not is taken out and flagged;
//  5. judge: required values that are absent are named with the reason, and
//     the record gets its confidence, by the pack's calibration the share of
//     such records that is right.
//
// How far a column is believed is its Trust, from the feed's catalog binding.
// Of high trust: the category decides; material and procurement group, and a
// unit of measure that tells how such items are stocked, weigh twice; the
// manufacturer and the designations in the part number fill what the text leaves
// out, and a value of the text that they deny loses confidence; the part number
// names the category where the text does not; the language decides what commas
// mean. Of low trust they speak along, never against a text that is clear, and
// the language gives way to a text in the other one. None: nothing is concluded.
// A text of low trust counts half, and trusted columns replace what it says. The
// plant says nothing about an item.
//
// Rules is the built-in Extractor. It reads patterns (M10x1.5x50), then terms
// and their abbreviations, then quantities, in this order, and a piece of text
// is read once. It needs no network, costs microseconds, and answers the same
// for the same text and pack.
package parse
