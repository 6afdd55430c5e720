// Package knowledge holds what the pipeline knows of the things it parses: a
// pack of categories, each with a schema, a dictionary, standards with their
// size tables, examples and guidelines.
//
// # The folder
//
// A pack is a folder of reviewed YAML:
//
//	pack.yaml                 name and version
//	manufacturers.yaml        makers and their aliases, for every category
//	materials.yaml            materials and their short forms, for every category
//	<category>/category.yaml  title, nouns, attributes
//	<category>/*.yaml         more of the same: any file may hold any section
//	<category>/*.md           guidelines, for retrieval
//
// The sections of a category's files are joined: category.yaml says what the
// category is; abbreviations, standards, examples may stand beside it or in
// files of their own. Load reads everything, reports every mistake with file
// and line, all together, and compiles the pack. The hash of the bytes read is
// the pack's version: it is stored with every record.
//
// # How words are recognised
//
// Text is folded (lower case, ä → ae, ß → ss, × → x) and cut into atoms: runs
// of letters, runs of digits. A term is a sequence of atoms, so 2RS, 2-RS and
// "2 RS" are one term and a designation such as 6205-2RS ends where its atoms
// end. A | in a term marks where a compound may be cut or abbreviated
// (zylinder|schraube is zylinderschraube, zylinder-schraube, zyl.schraube).
//
// A word that no dictionary lists is expanded against the vocabulary of the
// category: truncation (stainl), vowel dropping (stnlss), contraction (brg),
// a swap or a typo (bearign). Each way has a score, longer and rarer forms
// score higher, and a word is expanded only when the best reading beats every
// other meaning by a margin. Otherwise it stays what it was: unread.
package knowledge
