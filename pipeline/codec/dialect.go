package codec

import (
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
)

// A Dialect says how the text of a file is to be read. Nothing is sniffed. The
// zero value is RFC 4180 in UTF-8 with one header row.
type Dialect struct {
	Delimiter byte // 0 = ','
	Quote     byte // 0 = '"'; NoQuote for none
	Escape    byte // 0 = the quote, doubled
	Header    int  // header rows; the last one names the columns; -1 for none (0 = 1)
	Preamble  int  // physical lines before the header
	Comment   string
	Encoding  string // utf-8 (default), utf-16, utf-16le, utf-16be, iso-8859-1, windows-1252
	Trim      bool   // cells are trimmed of blanks and tabs outside quotes
	// MaxRecordBytes bounds one record; 0 = 1 MiB.
	MaxRecordBytes int
	// MaxColumns bounds the header; 0 = 4096.
	MaxColumns  int
	Compression string // none, gzip, zstd, bzip2; "" = by the name of the file
	// MaxExpansion bounds decoded size by compressed size once 64 MiB were
	// decoded; 0 = 500.
	MaxExpansion int
}

// NoQuote as a Dialect's Quote means that quotes have no meaning.
const NoQuote = 0xff

const (
	defaultMaxRecord    = 1 << 20
	defaultMaxColumns   = 4096
	defaultMaxExpansion = 500
)

func (d Dialect) withDefaults() Dialect {
	if d.Delimiter == 0 {
		d.Delimiter = ','
	}
	if d.Quote == 0 {
		d.Quote = '"'
	}
	if d.Escape == 0 {
		d.Escape = d.Quote
	}
	switch {
	case d.Header == 0:
		d.Header = 1
	case d.Header < 0:
		d.Header = 0
	}
	if d.MaxRecordBytes <= 0 {
		d.MaxRecordBytes = defaultMaxRecord
	}
	if d.MaxColumns <= 0 {
		d.MaxColumns = defaultMaxColumns
	}
	if d.MaxExpansion <= 0 {
		d.MaxExpansion = defaultMaxExpansion
	}
	return d
}

// Check reports what makes d unusable: invalid.
func (d Dialect) Check() error {
	d = d.withDefaults()
	bad := func(what string) error {
		return pipeline.Errorf(pipeline.CodeInvalid, "dialect: %s", what).
			WithHint("mend assay.csv in the contract")
	}
	for _, c := range []byte{d.Delimiter, d.Quote, d.Escape} {
		if c == '\n' || c == '\r' {
			return bad("a delimiter, quote or escape cannot be a line break")
		}
	}
	if d.Delimiter == d.Quote {
		return bad("delimiter and quote are the same character")
	}
	if d.Escape == d.Delimiter {
		return bad("delimiter and escape are the same character")
	}
	if _, err := decoderOf(d.Encoding); err != nil {
		return err
	}
	switch strings.ToLower(d.Compression) {
	case "", "none", "gzip", "zstd", "bzip2":
	default:
		return bad("compression " + d.Compression + " is not one of none, gzip, zstd, bzip2")
	}
	return nil
}
