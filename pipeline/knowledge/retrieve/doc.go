// Package retrieve finds the passages of a knowledge pack that matter for an
// item or a question: the schema's attributes, dictionary entries, standards,
// guidelines, and the chunks of ingested documents.
//
// Each stage has passages of its own. Drafting a schema asks what an attribute
// is and which ones decide; parsing asks what a word means; validating asks
// what is plausible, tolerable, or an edge case. A guideline says by its second
// level headings (Drafting, Parsing, Validating) which of its passages belong
// where; an ingested document belongs to all three.
//
// Three rankings are made: a lexical one (BM25 over folded, stemmed words), one
// by the vectors of an embedder, and one of the terms that the dictionary itself
// reads in the question, abbreviations included. They are fused by reciprocal
// ranks (Cormack et al. 2009), with a head start for the category that the
// question is about. The same question
// gets the same answer; equal scores are ordered by id. Ids are lasting: prompts
// cite them, and recall is measured against them.
package retrieve
