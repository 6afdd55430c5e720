// Package documents takes a company's own documents into the knowledge:
// Markdown, plain text and CSV files of a folder are cut into chunks, each with
// its source and version, and kept in the store as a snapshot.
//
// A snapshot is what the folder held at one time. Its id derives from its
// content: taking the same folder in twice keeps one snapshot. Older ones stay,
// so that what a record was read with can be looked up later. Vectors are kept
// per embedding space beside the chunks; another embedder adds its own and
// takes nothing away.
//
// Chunks become passages of retrieve, for all of its stages. They are text from
// outside and nothing more: a chunk is never a dictionary entry, and no value of
// a record is grounded in one.
package documents
