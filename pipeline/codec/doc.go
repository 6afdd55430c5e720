// Package codec turns files into chunks of columns and columns into Parquet.
//
// Reading: Open undoes compression and encoding, then NewCSV, NewJSON or
// NewParquet yields the file as a sequence of Chunks. A Chunk is a run of
// whole records whose cells stand column by column, as offsets into one buffer
// (text formats) or as typed vectors (Parquet). A record that cannot be split
// into the cells of its file is a Bad record of the chunk, with a stable Fault;
// it never disturbs its neighbours, and no byte of the file is skipped without
// a trace.
//
// Where a CSV record ends depends only on where it starts and on the bytes
// from there: that is what lets one file be read in ranges by many workers and
// give the same records as one reader (see splitter in split.go for the rule).
//
// A batch of documents or other objects (ZipObjects, or a folder that the caller
// lists) becomes JSON Lines of what is measured of each (Measurer); Documents
// adds the same measures to JSON Lines that hold a text. Language, encoding and
// repetition are told by TextMeter.
//
// Text is read in two steps. An index lists where delimiters, line breaks and
// quotes stand (a kernel for AVX2, a portable twin that reads eight bytes at a
// time); records without quotes are then a matrix of positions, and only what is
// out of the ordinary is split byte by byte. CSV.Fetch finds the records and
// Chunk.Cut makes their cells, so that workers wait for the first alone. gzip is
// decoded here, too (inflate.go).
//
// Writing: Writer takes typed columns and writes zstd Parquet. RewriteParquet
// and ReadRows serve the curated zone: they copy a file without some rows, and
// read some rows of it.
package codec
